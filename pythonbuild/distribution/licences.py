"""python-licenses.rst: what a distribution is made of and under which licences, rendered from the sources file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pythonbuild.config.model import Recipe, Source

_COMMAND = "./build-linux.py generate"

_INTRODUCTION = """\
.. Generated from cpython-unix/sources.yml and cpython-windows/sources.yml by
   "{command}"; changes made here are lost.

========
Licences
========

A distribution contains CPython and, linked into it, the libraries that its extension modules need. Each of them keeps
its own licence. Every archive has the texts of everything linked into it in ``python/licenses/``, and its
``PYTHON.json`` names the licences of each extension module by their `SPDX <https://spdx.org/licenses/>`_ identifiers
(``docs/python-json.rst``). Whoever passes a distribution on has to fulfil the terms of all of them.

No library under the GPL alone is linked: the ``readline`` module uses libedit, and ``_gdbm`` is not built. What
compiles a distribution is no part of it, and is not in this list (``docs/toolchains.rst``).

Overview
========

"""

_DETAILS = """
Details
=======

"""


def render_licences(sources: Mapping[str, Source], recipes: Mapping[str, Recipe]) -> str:
    """Return the document: a table, and a section for each source that can be part of a distribution."""
    built = {recipe.source for recipe in recipes.values() if recipe.source}
    projects = [source for source in sources.values() if source.name in built or _family(source.name) == "cpython"]
    projects.sort(key=lambda source: (_family(source.name) != "cpython", _family(source.name), _natural(source.name)))
    parts = [_INTRODUCTION.format(command=_COMMAND), *_table(projects), _DETAILS]
    parts += ["\n".join(_section(source)) for source in projects]
    return "".join(parts).rstrip("\n") + "\n"


def _family(name: str) -> str:
    return re.sub(r"-\d+(\.\d+)*$", "", name)


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.findall(r"\d+|\D+", text)]


def _table(projects: Iterable[Source]) -> list[str]:
    rows = [".. list-table::\n   :header-rows: 1\n\n   * - Source\n     - Versions\n     - Licence\n"]
    for source in projects:
        versions = ", ".join(pin.version for pin in source.pins)
        rows.append(f"   * - `{source.title} <{source.homepage}>`__ ({source.name})\n     - {versions}\n"
                    f"     - ``{source.licence}``\n")  # fmt: skip
    return rows


def _section(source: Source) -> list[str]:
    title = f"{source.title} ({source.name})"
    files = ", ".join(f"``{name}``" for name in source.licence_files)
    lines = [title, "-" * len(title), "", f"| Licence: ``{source.licence}``"]
    lines += [f"| Licence texts in the source: {files}"] if files else []
    lines += [f"| Home: {source.homepage}", ""]
    lines += [source.notes.strip(), ""] if source.notes else []
    return [*lines, ""]
