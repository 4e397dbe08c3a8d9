"""Makes small .deb files, index files and locks for tests."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import zstandard

from pythonbuild.config.model import Lock, LockedPackage, RootDescription

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "xz": lzma.compress,
    "zst": lambda data: zstandard.ZstdCompressor().compress(data),
    "gz": gzip.compress,
    "": bytes,
}


def directory(name: str, mode: int = 0o755) -> tuple[tarfile.TarInfo, bytes]:
    return _entry(name, tarfile.DIRTYPE, mode=mode), b""


def regular(name: str, content: bytes = b"", mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    return _entry(name, tarfile.REGTYPE, mode=mode), content


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return _entry(name, tarfile.SYMTYPE, linkname=target), b""


def hard_link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return _entry(name, tarfile.LNKTYPE, linkname=target), b""


def device(name: str) -> tuple[tarfile.TarInfo, bytes]:
    return _entry(name, tarfile.CHRTYPE), b""


def _entry(name: str, kind: bytes, mode: int = 0o644, linkname: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname = kind, mode, linkname
    entry.uid, entry.gid, entry.mtime = 1234, 1234, 1700000000
    return entry


def tar_of(entries: Sequence[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for entry, content in entries:
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def ar_of(members: Sequence[tuple[str, bytes]]) -> bytes:
    parts = [b"!<arch>\n"]
    for name, data in members:
        parts.append(
            f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
        )
    return b"".join(parts)


def make_deb(
    path: Path, entries: Sequence[tuple[tarfile.TarInfo, bytes]], *, kind: str = "xz", control: str = "Package: x\n"
) -> Path:
    compress = COMPRESSORS[kind]
    end = f".{kind}" if kind else ""
    path.write_bytes(
        ar_of(
            [
                ("debian-binary", b"2.0\n"),
                (f"control.tar{end}", compress(tar_of([regular("./control", control.encode())]))),
                (f"data.tar{end}", compress(tar_of(entries))),
            ]
        )
    )
    return path


def locked(path: Path, name: str = "") -> LockedPackage:
    data = path.read_bytes()
    return LockedPackage(
        name or path.stem, "1", "amd64", f"pool/{path.name}", hashlib.sha256(data).hexdigest(), len(data)
    )


def lock_of(*packages: LockedPackage) -> Lock:
    return Lock("test-amd64", "trixie", "amd64", "20260913T000000Z", packages)


def description(**changes: object) -> RootDescription:
    fields: dict[str, object] = {
        "name": "test",
        "suite": "trixie",
        "packages": (),
        "exclude": (),
        "essential": False,
        "dependencies": True,
    }
    return RootDescription(**{**fields, **changes})  # type: ignore[arg-type]
