"""How a distribution's dependencies are linked, where not statically: told in every archive by a file of its own.

``lib/python3.X/link-choices.json`` of the installation holds what format 0 of PYTHON.json has as ``link_choices``: so
archives with another format's description, and those of the installation alone, tell it, too. There is no such file
where everything is linked statically.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pythonbuild.distribution import typed_json
from pythonbuild.distribution.python_json import LinkChoice, PythonJson

NAME = "link-choices.json"
_PLACES = f"lib/python3.*/{NAME}"
#: Where an archive has the shared libraries that are shipped.
SHIPPED = "install/lib"


def path_of(stdlib: str) -> str:
    """Return the file's path beside a standard library's."""
    return f"{stdlib}/{NAME}"


def write_choices(top: Path, stdlib: str, choices: Mapping[str, LinkChoice]) -> None:
    """Write the file, or remove it where there is nothing to tell."""
    path = top / path_of(stdlib)
    path.unlink(missing_ok=True)  # it may be a link of another tree's
    if choices:
        path.write_text(json.dumps(typed_json.to_plain(choices), indent=2) + "\n", encoding="utf-8", newline="\n")


def read_choices(install: Path) -> dict[str, LinkChoice]:
    """Return what an installation's file says, nothing where there is none. Raises JsonFormatError."""
    choices: dict[str, LinkChoice] = {}
    for path in sorted(install.glob(_PLACES)):
        where = path.relative_to(install).as_posix()
        choices |= typed_json.from_text(Mapping[str, LinkChoice], path.read_text("utf-8", "replace"), where)  # type: ignore[type-abstract]
    return choices


def system_sonames(choices: Mapping[str, LinkChoice]) -> dict[str, str]:
    """Return the sonames that the system has to bring, and the dependency that each is of."""
    return {soname: name for name, choice in choices.items() if choice.kind == "system"
            for soname in choice.libraries.values()}  # fmt: skip


def still_linked(choices: Mapping[str, LinkChoice], document: PythonJson) -> dict[str, LinkChoice]:
    """Return what is left of the choices in a description whose extension modules are fewer."""
    info = document.build_info
    links = [*info.core.links, *(link for entry in info.extensions.values() for link in entry.links)]
    shipped = {link.path_dynamic for link in links if link.path_dynamic}
    system = {link.name for link in links if link.system}
    kept = {}
    for name, choice in choices.items():
        libraries = {word: soname for word, soname in choice.libraries.items()
                     if (word in system if choice.kind == "system" else f"{SHIPPED}/{soname}" in shipped)}  # fmt: skip
        if libraries:
            kept[name] = LinkChoice(choice.kind, libraries)
    return kept
