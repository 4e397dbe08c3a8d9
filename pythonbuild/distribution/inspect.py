"""What an archive is, at a glance: everything PYTHON.json says, and the sizes of what is in the archive."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pythonbuild.distribution import typed_json
from pythonbuild.distribution.archive import METADATA, ArchiveError, read_members
from pythonbuild.distribution.python_json import ExtensionEntry, LinkEntry, PythonJson, read_python_json


@dataclass(frozen=True)
class Inspection:
    """An archive: its own size, the unpacked sizes of its parts in bytes, its members, and its description."""

    path: Path
    size: int
    members: int
    unpacked: dict[str, int]
    document: PythonJson

    def as_json(self) -> dict[str, object]:
        """Return plain data for ``--json``."""
        return {
            "archive": self.path.name,
            "size": self.size,
            "members": self.members,
            "unpacked": dict(sorted(self.unpacked.items())),
            "python_json": typed_json.to_plain(self.document),
        }

    def lines(self) -> list[str]:
        """Return the text that people read."""
        return [*self._head(), "", *self._extensions(), "", *self._sources(), *self._omitted()]

    def _head(self) -> list[str]:
        document = self.document
        tools = document.toolchain.get("tools")
        clang = tools.get("clang", "") if isinstance(tools, dict) else ""
        toolchain = " ".join(str(word) for word in (document.toolchain.get("kind", ""), clang and f"clang {clang}"))
        parts = ", ".join(f"{name} {_size(size)}" for name, size in sorted(self.unpacked.items()))
        rows = {
            "Archive": f"{self.path.name} ({_size(self.size)}, {self.members} members)",
            "Python": f"{document.python_flavor} {document.python_version}",
            "Target": document.target_triple,
            "C library": f"{document.libc} {document.libc_floor} or newer" if document.libc else "",
            "Build options": document.build_options,
            "Source date": document.build_date,
            "Toolchain": toolchain.strip(),
            "Interpreter": document.python_exe,
            "libpython": ", ".join(
                path for path in (document.build_info.core.shared_lib, document.build_info.core.static_lib) if path
            ),
            "Tcl/Tk": ", ".join(document.tcl_library_paths),
            "Unpacked": f"{_size(sum(self.unpacked.values()))} ({parts})",
            "Core": f"{len(document.build_info.core.objs)} objects; {_links(document.build_info.core.links)}",
        }
        return [f"{name + ':':15}{value}" for name, value in rows.items() if value]

    def _extensions(self) -> list[str]:
        extensions = self.document.build_info.extensions
        kinds = Counter(_kind(entry) for entry in extensions.values())
        summary = ", ".join(f"{kinds[kind]} {kind}" for kind in ("core", "builtin", "shared") if kinds[kind])
        rows = [f"Extension modules: {len(extensions)} ({summary})"]
        # Those that need nothing but the core say little: their names suffice.
        plain = [name for name, entry in sorted(extensions.items()) if not entry.links and _kind(entry) == "builtin"]
        width = max((len(name) for name in extensions), default=0)
        for name, entry in sorted(extensions.items()):
            if entry.links and _kind(entry) != "shared":
                licences = ", ".join(entry.licenses)
                rows.append(f"  {name:{width}}  {_links(entry.links)}{f'  [{licences}]' if licences else ''}")
        for title, names in (
            ("nothing else linked", plain),
            ("core", [name for name, entry in sorted(extensions.items()) if _kind(entry) == "core"]),
            ("shared", [name for name, entry in sorted(extensions.items()) if _kind(entry) == "shared"]),
        ):
            if names:
                rows.append(f"  {title}: {', '.join(names)}")
        return rows

    def _sources(self) -> list[str]:
        rows = [f"Sources: {len(self.document.sources)}"]
        for source in self.document.sources:
            rows.append(f"  {source.name} {source.version}  [{source.license}]  {source.filename}")
            rows.append(f"    sha256 {source.sha256}")
        return rows

    def _omitted(self) -> list[str]:
        omitted = self.document.omitted_extensions
        return ["", "Left out:", *(f"  {name}: {omitted[name]}" for name in sorted(omitted))] if omitted else []


def inspect_archive(path: Path) -> Inspection:
    """Read an archive to its end. Raises ArchiveError or JsonFormatError, one line each, for what is not one."""
    if path.is_dir():
        raise ArchiveError(f"{path}: not an archive", found="a directory", expected="a .tar.zst or .tar.gz")
    document, unpacked, members = None, Counter[str](), 0
    for member in read_members(path):
        members += 1
        if document is None:
            if member.name != METADATA or member.content is None:
                raise ArchiveError(f"{path}: not a distribution", found=f"first member {member.name}",
                                   expected=f"{METADATA} first")  # fmt: skip
            text = member.content.read().decode("utf-8", "replace")
            document = read_python_json(text, f"{path}: {METADATA}")
        parts = PurePosixPath(member.name).parts
        if len(parts) > 2:
            unpacked[parts[1]] += member.info.size
    if document is None:
        raise ArchiveError(f"{path}: not a distribution", found="no members", expected=f"{METADATA} first")
    return Inspection(path, path.stat().st_size, members, dict(unpacked), document)


def _kind(entry: ExtensionEntry) -> str:
    return "core" if entry.in_core else entry.linkage


def _links(links: tuple[LinkEntry, ...]) -> str:
    own = [link.name for link in links if not link.system]
    system = [link.name for link in links if link.system]
    return "; ".join(filter(None, [" ".join(own), f"system: {' '.join(system)}" if system else ""])) or "no links"


def _size(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    return f"{size / 1e3:.0f} kB" if size < 1e6 else f"{size / 1e6:.1f} MB"
