"""Makes of CPython 3.13's source one whose Windows build is like 3.12's or 3.14's, of which no archive could be had.

What differs was read off CPython's repository: projects that are new or gone, how zlib (zlib-ng since 3.14) and zstd
are found, the property that asks for a profile, where pyconfig.h is. All else is 3.13's. That is not the real source,
and no substitute for it: it shows that the edit knows these differences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

LATER = ("3.12.99", "3.14.99")
#: zstd's sources that the project of _zstd compiles, by folder.
ZSTD = {
    "common": "debug entropy_common error_private fse_decompress pool threading xxhash zstd_common",
    "compress": "fse_compress hist huf_compress zstd_compress zstd_compress_literals zstd_compress_sequences "
                "zstd_compress_superblock zstd_double_fast zstd_fast zstd_lazy zstd_ldm zstd_opt zstd_preSplit "
                "zstdmt_compress",
    "decompress": "huf_decompress zstd_ddict zstd_decompress zstd_decompress_block",
    "dictBuilder": "cover divsufsort fastcover zdict",
}  # fmt: skip
#: zlib-ng's sources that its project compiles for every processor, and for x86 alone, by folder; and by the ends of
#: their names, which of these are compiled with instructions that not every such processor has.
ZLIB_NG = {
    "": "adler32 compress crc32 crc32_braid_comb deflate deflate_fast deflate_huff deflate_medium deflate_quick "
        "deflate_rle deflate_slow deflate_stored functable infback inflate inftrees insert_string insert_string_roll "
        "trees uncompr zutil cpu_features",
    "arch/generic": "adler32_c adler32_fold_c chunkset_c compare256_c crc32_braid_c crc32_fold_c slide_hash_c",
}  # fmt: skip
ZLIB_NG_X86 = {
    "arch/x86": "x86_features chunkset_sse2 compare256_sse2 slide_hash_sse2 adler32_ssse3 chunkset_ssse3 adler32_sse42 "
                "crc32_pclmulqdq slide_hash_avx2 chunkset_avx2 compare256_avx2 adler32_avx2 adler32_avx512 "
                "chunkset_avx512 adler32_avx512_vnni crc32_vpclmulqdq",
}  # fmt: skip
_WIDE = {"_avx2": "AdvancedVectorExtensions2", "_avx512": "AdvancedVectorExtensions512",
         "_vnni": "AdvancedVectorExtensions512", "_vpclmulqdq": "AdvancedVectorExtensions512"}  # fmt: skip
_QUEUE = ("_queue", "78D80A15-BD8C-44E2-B49E-1F05B0A0A687", r"..\Modules\_queuemodule.c")
_SOLUTION = 'Project("{8BC9CEB8-8B4A-11D0-8D11-00A0C91BC942}") = "_queue", '


def make_later(tree: Path, version: str) -> None:
    """Change an unpacked source of 3.13 in place, PC, PCbuild, Modules and Include."""
    major, minor, micro = version.split(".")
    change(tree / "Include/patchlevel.h", *((rf"(#define PY_{name}_VERSION\s+)\d+", rf"\g<1>{number}") for name, number
           in (("MAJOR", major), ("MINOR", minor), ("MICRO", micro))), (r'(PY_VERSION\s+)"[^"]+"', rf'\1"{version}"'),
           )  # fmt: skip
    if minor == "12":
        _to_312(tree)
    else:
        _to_314(tree)


def _to_312(tree: Path) -> None:
    pcbuild = tree / "PCbuild"
    for name in ("_testclinic_limited", "_testlimitedcapi"):
        (pcbuild / f"{name}.vcxproj").unlink()
        change(pcbuild / "pcbuild.proj", (rf";?\b{name}\b(?=[;\"])", ""))
        change(pcbuild / "pcbuild.sln", (rf'Project\([^\n]*"{name}",[^\n]*\nEndProject\r\n', ""))
    project(tree, "_msi", "31FFC478-7B4A-43E8-9954-8D03E2187E9C", [r"..\PC\_msi.c"])
    project(tree, "tix", "C5A3E7FB-9695-4B2E-960B-1D9F43F1E555", [r"..\Modules\_queuemodule.c"], listed=False)
    (tree / "PC/_msi.c").write_text("PyMODINIT_FUNC\nPyInit__msi(void)\n{\n    return NULL;\n}\n")
    # Up to 3.12, CPython has mpdecimal in its own source.
    change(pcbuild / "_decimal.vcxproj", (r"\$\(mpdecimalDir\)\\libmpdec\\", r"..\\Modules\\_decimal\\libmpdec\\"))


def _to_314(tree: Path) -> None:
    pcbuild = tree / "PCbuild"
    core = pcbuild / "pythoncore.vcxproj"
    change(core,
           ("RequirePGCFiles", "RequireProfileData"),
           (r"Exists\('\$\(zlibDir\)\\zlib.h'\)", r"Exists('$(zlibNgDir)\\zlib-ng.h.in')"),
           (r">\$\(zlibDir\);", ">$(zlibNgDir);$(GeneratedZlibNgDir);"),
           (r'<ItemGroup Condition="\$\(IncludeExternals\)">\s*(<ClInclude Include="\$\(zlibDir\)[^\n]*\s*)+'
            r"</ItemGroup>\s*", ""),
           (r'\s*<ClCompile Include="\$\(zlibDir\)\\deflate\.c">.*?</ClCompile>', ""),
           (r'\s*<ClCompile Include="\$\(zlibDir\)[^\n]*(?=\r\n)', ""),
           (r"([ \t]*<AdditionalDependencies>version\.lib[^\n]*\n)",
            r'\1      <AdditionalDependencies Condition="$(IncludeExternals)">zlib-ng$(PyDebugExt).lib;'
            "%(AdditionalDependencies)</AdditionalDependencies>\r\n"),
           (r'(  <Import Project="\$\(VCTargetsPath\)\\Microsoft\.Cpp\.targets" />)',
            '  <ItemGroup>\r\n    <ProjectReference Include="zlib-ng.vcxproj" Condition="$(IncludeExternals)">\r\n'
            "      <Project>{fb91c8b2-6fbc-3a01-b644-1637111f902d}</Project>\r\n    </ProjectReference>\r\n"
            r"  </ItemGroup>\r\n\1"),
           (r"pyconfig\.h\.in", "pyconfig.h"))  # fmt: skip
    change(pcbuild / "pyproject.props", ("RequirePGCFiles", "RequireProfileData"))
    (tree / "PC/pyconfig.h.in").rename(tree / "PC/pyconfig.h")
    for path in pcbuild.glob("*.vcxproj"):
        if path != core and b"pyconfig.h.in" in path.read_bytes():
            change(path, (r"pyconfig\.h\.in", "pyconfig.h"))
    project(tree, "_remote_debugging", "4D7C112F-3083-4D9E-9754-9341C14D9B39",
            [r"..\Modules\_remote_debugging_module.c"])  # fmt: skip
    zstd = [rf"$(zstdDir)lib\{folder}\{name}.c" for folder, names in ZSTD.items() for name in names.split()]
    own = [rf"..\Modules\_zstd\{name}.c" for name in ("_zstdmodule", "compressor", "decompressor", "zstddict")]
    project(tree, "_zstd", "07029B86-F3E9-443E-86FB-78AA6D47FED1", [*own, *zstd], "ZSTD_MULTITHREAD=1",
            ["$(zstdDir)lib\\", *(rf"$(zstdDir)lib\{folder}" for folder in ZSTD)])  # fmt: skip
    (tree / "Modules/_zstd").mkdir()
    for source in own:
        write_init(tree / source.removeprefix("..\\").replace("\\", "/"), "_zstd" if "module" in source else "")
    write_init(tree / "Modules/_remote_debugging_module.c", "_remote_debugging")
    _zlib_ng(tree)
    change(pcbuild / "pcbuild.proj", (r'(    <Projects Include="pythoncore\.vcxproj">)',
           r'    <Projects Include="zlib-ng.vcxproj" Condition="Exists(' r"'$(zlibNgDir)\\zlib-ng.h.in')" r'" />' "\r\n"
           r"\1"))  # fmt: skip


def _zlib_ng(tree: Path) -> None:
    """Write the project that makes a static library of zlib-ng, and its headers of their templates."""
    project(tree, "zlib-ng", "FB91C8B2-6FBC-3A01-B644-1637111F902D", _paths(ZLIB_NG),
            "ZLIB_COMPAT;WITH_GZFILEOP;NO_FSEEKO;HAVE_BUILTIN_ASSUME_ALIGNED",
            ["$(zlibNgDir)", "$(PySourceDir)PC", "$(GeneratedZlibNgDir)"], listed=False)  # fmt: skip
    wide = {path: sets for path in _paths(ZLIB_NG_X86) for end, sets in _WIDE.items() if path.endswith(f"{end}.c")}
    lines = ["  <ItemGroup Condition=\"$(Platform) == 'Win32' or $(Platform) == 'x64'\">"]
    for path in _paths(ZLIB_NG_X86):
        own = f"<EnableEnhancedInstructionSet>{wide[path]}</EnableEnhancedInstructionSet>" if path in wide else ""
        lines.append(f'    <ClCompile Include="{path}">{own}</ClCompile>')
    lines += ["  </ItemGroup>", "  <ItemGroup>", r'    <ClInclude Include="..\PC\zconf.h" />',
              r'    <ClInclude Include="..\PC\zlib.h" />', "  </ItemGroup>", ""]  # fmt: skip
    targets = [""]
    for name in ("zlib", "zlib-ng"):
        read = f"ReadAllText('$(zlibNgDir)\\{name}.h.in').Replace('@ZLIB_SYMBOL_PREFIX@', '')"
        targets += [rf'  <Target Name="_Ensure_{name}" Inputs="$(zlibNgDir)\{name}.h.in" Outputs="$(IntDir){name}.h">',
                    f"    <PropertyGroup><Text>$([System.IO.File]::{read})</Text></PropertyGroup>",
                    f'    <WriteLinesToFile File="$(IntDir){name}.h" Lines="$(Text)" />', "  </Target>"]  # fmt: skip
    targets += ['  <Target Name="_EnsureZlibNgHeaders" BeforeTargets="PrepareForBuild" '
                'DependsOnTargets="_Ensure_zlib;_Ensure_zlib-ng" />', "</Project>"]  # fmt: skip
    file = tree / "PCbuild/zlib-ng.vcxproj"
    change(file, (">DynamicLibrary<", ">StaticLibrary<"))
    text = file.read_bytes().decode().rstrip().removesuffix("</Project>").rstrip()
    head, anchor, tail = text.partition(r'  <Import Project="$(VCTargetsPath)\Microsoft.Cpp.targets" />')
    assert anchor
    file.write_bytes((head + "\r\n".join(lines) + anchor + tail + "\r\n".join(targets) + "\r\n").encode())
    (tree / "PC/zconf.h").write_text("/* zlib-ng's, as its configure would write it for Windows */\n")


def _paths(folders: Mapping[str, str]) -> list[str]:
    """Return the paths of zlib-ng's sources as its project writes them."""
    names = (f"{folder}/{name}.c".lstrip("/") for folder, stems in folders.items() for name in stems.split())
    return ["$(zlibNgDir)\\" + name.replace("/", "\\") for name in names]


def write_init(path: Path, module: str) -> None:
    path.write_text(f"PyMODINIT_FUNC\nPyInit_{module}(void)\n{{\n    return NULL;\n}}\n" if module else "int part;\n")


def project(tree: Path, name: str, guid: str, sources: Iterable[str], defined: str = "", places: Sequence[str] = (), *,
            listed: bool = True) -> None:  # fmt: skip
    """Write a project like that of _queue, and list it in solution and, where it is an extension's, build."""
    pcbuild = tree / "PCbuild"
    text = (pcbuild / "_queue.vcxproj").read_bytes().decode("utf-8")
    compiled = "\r\n".join(f'    <ClCompile Include="{source}" />' for source in sources)
    text = text.replace(f'    <ClCompile Include="{_QUEUE[2]}" />', compiled)
    text = text.replace(_QUEUE[1], guid).replace(">_queue<", f">{name}<")
    if defined:
        text = text.replace("  <ItemGroup>\r\n    <ClCompile", "  <ItemDefinitionGroup>\r\n    <ClCompile>\r\n"
               f"      <PreprocessorDefinitions>{defined};%(PreprocessorDefinitions)</PreprocessorDefinitions>\r\n"
               f"      <AdditionalIncludeDirectories>{';'.join(places)};%(AdditionalIncludeDirectories)"
               "</AdditionalIncludeDirectories>\r\n    </ClCompile>\r\n  </ItemDefinitionGroup>\r\n"
               "  <ItemGroup>\r\n    <ClCompile", 1)  # fmt: skip
    (pcbuild / f"{name}.vcxproj").write_bytes(text.encode())
    entry = f'{_SOLUTION.replace("_queue", name)}"{name}.vcxproj", "{{{guid}}}"\r\nEndProject\r\n'
    change(pcbuild / "pcbuild.sln", (re.escape(_SOLUTION), entry + _SOLUTION))
    if listed:
        change(pcbuild / "pcbuild.proj", (r"_queue;", f"_queue;{name};"))


def change(path: Path, *replacements: tuple[str, str]) -> None:
    """Replace what patterns find in a file, and keep its ends of lines; what a pattern does not find is an error."""
    text = path.read_bytes().decode("utf-8")
    for pattern, replacement in replacements:
        text, found = re.subn(pattern, replacement, text, flags=re.DOTALL if ".*?" in pattern else 0)
        assert found, (path.name, pattern)
    path.write_bytes(text.encode("utf-8"))
