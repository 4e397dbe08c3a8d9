"""A source tree under edit: what is changed stays in memory until all of it has worked out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pythonbuild.errors import PcbuildError
from pythonbuild.pcbuild.xmltext import Document, parse

PCBUILD = "PCbuild"


@dataclass
class Worktree:
    """The source tree at ``root``; names are paths below it, with ``/``.

    ``changed`` are new contents by name, None for a file that is removed; ``done`` are the transformations of each
    file, in order.
    """

    root: Path
    changed: dict[str, bytes | None] = field(default_factory=dict)
    done: dict[str, list[str]] = field(default_factory=dict)
    _parsed: dict[str, Document] = field(default_factory=dict, repr=False)

    def read(self, name: str) -> bytes:
        """Return a file's content as it is now; raises PcbuildError if there is none."""
        if name in self.changed:
            data = self.changed[name]
        else:
            path = self.root / name
            data = path.read_bytes() if path.is_file() else None
        if data is None:
            raise PcbuildError(f"{name}: there is no such file in {self.root}", advice="is it CPython's source?")
        return data

    def document(self, name: str) -> Document:
        data = self.read(name)
        if name not in self._parsed or self._parsed[name].data != data:
            self._parsed[name] = parse(name, data)
        return self._parsed[name]

    def exists(self, name: str) -> bool:
        """Return whether there is such a file now. Windows does not tell upper case from lower, so it may differ."""
        if name in self.changed:
            return self.changed[name] is not None
        return self.on_disk(name)

    def on_disk(self, name: str) -> bool:
        """Return whether the unedited tree has such a file."""
        path = self.root / name
        if path.is_file():
            return True
        return path.parent.is_dir() and any(path.name.lower() == each.name.lower() for each in path.parent.iterdir())

    def projects(self) -> list[str]:
        """Return the names of the projects that there are now, without their suffix, sorted."""
        found = {path.stem for path in (self.root / PCBUILD).glob("*.vcxproj")}
        return sorted(name for name in found if self.exists(project_file(name)))

    def change(self, name: str, transformation: str, edit: Callable[[Document], Document]) -> None:
        """Run one transformation of an XML file."""
        edited = edit(self.document(name))
        self.put(name, transformation, edited.data)
        self._parsed[name] = edited

    def put(self, name: str, transformation: str, data: bytes) -> None:
        """Give a file another content; nothing is noted if it has it already."""
        if not self.exists(name) or self.read(name) != data:
            self.changed[name] = data
            self.done.setdefault(name, []).append(transformation)

    def remove(self, name: str, transformation: str) -> None:
        if self.exists(name):
            self.changed[name] = None
            self.done.setdefault(name, []).append(transformation)

    def digests(self) -> dict[str, str]:
        """Return the sha256 of every changed file, "" for those that are removed."""
        return {
            name: "" if data is None else hashlib.sha256(data).hexdigest()
            for name, data in sorted(self.changed.items())
        }

    def write(self) -> None:
        """Write everything to the disk."""
        for name, data in self.changed.items():
            if data is None:
                (self.root / name).unlink()
            else:
                (self.root / name).write_bytes(data)


def project_file(project: str) -> str:
    """Return where the file of a project is."""
    return f"{PCBUILD}/{project}.vcxproj"
