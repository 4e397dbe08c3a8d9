"""What the libraries have for single processors is in the archive: lost, everything would work, only slower."""

from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild.distribution.objectfile import library_members

#: What a library has in its objects of these names: functions of an assembler, or compiled for a newer processor. They
#: are chosen when the library runs. Without OpenSSL's assembler (no-asm) there are no such objects.
FOR_PROCESSORS = {
    "libcrypto.a": {
        "aesni-gcm-x86_64": ["aesni_gcm_encrypt"],
        "aes-gcm-avx512": ["ossl_aes_gcm_encrypt_avx512"],
        "chacha-x86_64": ["ChaCha20_8x", "ChaCha20_avx512"],
        "ecp_nistz256-x86_64": ["ecp_nistz256_point_addx"],
        "keccak1600-x86_64": ["KeccakF1600"],
        "md5-x86_64": ["ossl_md5_block_asm_data_order"],
        "poly1305-x86_64": ["poly1305_blocks_avx2", "poly1305_blocks_avx512"],
        "rsaz-avx2": ["rsaz_1024_mul_avx2"],
        "rsaz-2k-avx512": ["ossl_rsaz_amm52x20_x1_ifma256"],
        "sha1-x86_64": ["sha1_block_data_order_shaext"],
        "sha256-x86_64": ["sha256_block_data_order_shaext", "sha256_block_data_order_avx2"],
        "sha512-x86_64": ["sha512_block_data_order_avx2"],
        "x25519-x86_64": ["x25519_fe51_mul"],
    },
    "libffi.a": {"unix64": ["ffi_call_unix64"]},
    "liblzma.a": {"crc32_fast": ["crc32_arch_optimized"], "crc64_fast": ["crc64_arch_optimized"]},
}
#: A carry-less multiplication, what those two of xz are for: the instruction's first bytes, legacy encoding.
_PCLMULQDQ = bytes.fromhex("660f3a44")


@pytest.mark.parametrize("library", FOR_PROCESSORS)
def test_code_for_single_processors_is_there(installed: Path, library: str) -> None:
    path = installed / "build/lib" / library
    members = {name: bytes(content) for name, content in library_members(path.read_bytes(), library)}
    for wanted, functions in FOR_PROCESSORS[library].items():
        content = [content for name, content in members.items() if name.removesuffix(".o").endswith(wanted)]
        assert content, f"{library} has no object {wanted}"
        for function in functions:
            assert any(function.encode() + b"\0" in each for each in content), f"{wanted} of {library} lacks {function}"
        if library == "liblzma.a":
            assert any(_PCLMULQDQ in each for each in content), wanted
