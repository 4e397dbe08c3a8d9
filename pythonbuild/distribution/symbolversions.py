"""Which library, and which version of it, each symbol of a linked program comes from.

A program that is linked on a newer system asks for the newest version of everything, and so does not start on older
ones. What a distribution's own programs ask for is known to do on every system of its target: whoever links the same
objects again binds them to the same versions.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.distribution.objectfile import Elf, ObjectFileError

_SHT_DYNSYM, _SHT_VERNEED, _SHT_VERSYM = 11, 0x6FFFFFFE, 0x6FFFFFFF
_STB_LOCAL, _STB_WEAK = 0, 2
_UNDEFINED = 0


@dataclass(frozen=True)
class Imports:
    """``versions`` maps a symbol to the soname and the version that it is bound to; ``optional`` are the names that the
    program does without where the system has them not: weak, and bound to no version.
    """

    versions: dict[str, tuple[str, str]]
    optional: frozenset[str]


class _Versions(Elf):
    """An ELF file whose imported symbols are read together with their versions."""

    def imports(self) -> Imports:
        dynsym, versym = self._section(_SHT_DYNSYM), self._section(_SHT_VERSYM)
        if dynsym is None or versym is None:
            return Imports({}, frozenset())
        strings, content, owners = self._strings(dynsym), self._content(versym), self._owners()
        numbers = struct.unpack(f"{self._order}{len(content) // 2}H", content[: len(content) // 2 * 2])
        versions: dict[str, tuple[str, str]] = {}
        optional = set()
        for (offset, info, _, index), number in zip(self._symbol_rows(dynsym), numbers, strict=False):
            if index != _UNDEFINED or info >> 4 == _STB_LOCAL or not offset:
                continue
            name = strings[offset : strings.index(b"\0", offset)].decode("utf-8", "replace")
            if number in owners:
                versions[name] = owners[number]
            elif info >> 4 == _STB_WEAK:
                optional.add(name)
        return Imports(versions, frozenset(optional))

    def _owners(self) -> dict[int, tuple[str, str]]:
        """Return the soname and the version that each number of the version table stands for."""
        section = self._section(_SHT_VERNEED)
        if section is None:
            return {}
        strings, content = self._strings(section), self._content(section)
        found: dict[int, tuple[str, str]] = {}
        offset = 0

        def text(at: int) -> str:
            return strings[at : strings.index(b"\0", at)].decode("utf-8", "replace")

        try:
            for _ in range(section.info):
                _, count, file, first, following = struct.unpack_from(self._order + "HHIII", content, offset)
                auxiliary = offset + first
                for _ in range(count):
                    number, name, step = struct.unpack_from(self._order + "6xHII", content, auxiliary)
                    found[number] = (text(file), text(name))
                    auxiliary += step
                offset += following
        except (struct.error, ValueError) as error:
            raise ObjectFileError(f"{self._where}: damaged ELF file", found="unreadable symbol versions") from error
        return found


def read_imports(paths: list[Path]) -> Imports:
    """Return what several programs and libraries import, together."""
    versions: dict[str, tuple[str, str]] = {}
    optional: set[str] = set()
    for path in paths:
        imports = _Versions(path.read_bytes(), str(path)).imports()
        versions.update(imports.versions)
        optional |= imports.optional
    return Imports(versions, frozenset(optional - versions.keys()))
