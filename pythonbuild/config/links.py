"""How dependencies are linked: what ``--link`` may say, and what it means.

A dependency is linked statically unless somebody chooses otherwise: ``shared`` builds it as shared libraries that are
shipped beside libpython, ``system`` links with the same libraries and leaves them to the system that the distribution
runs on. A recipe can be chosen for where its folder ``shared`` says how.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping

from pythonbuild.config.model import Recipe
from pythonbuild.errors import UsageError

LINK_KINDS = (STATIC, SHARED, SYSTEM) = ("static", "shared", "system")


def read_links(texts: Iterable[str], origin: str) -> tuple[tuple[str, str], ...]:
    """Return the names that are not static, and their kinds, sorted; ``origin`` is the flag or variable of the texts.

    Raises UsageError for what is no NAME=KIND, and for a name with two kinds.
    """
    links: dict[str, str] = {}
    for word in (word.strip() for text in texts for word in text.split(",")):
        name, _, kind = word.partition("=")
        if not name or kind not in LINK_KINDS:
            near = difflib.get_close_matches(kind, LINK_KINDS, 1)
            raise UsageError(f"{origin}: not a link choice", found=repr(word),
                             expected=f"NAME=KIND with one of {', '.join(LINK_KINDS)}",
                             advice=f"did you mean {name}={near[0]}?" if name and near else "")  # fmt: skip
        if links.setdefault(name, kind) != kind:
            raise UsageError(f"{origin}: {name} is given twice", found=f"{links[name]} and {kind}",
                             expected="one of them")  # fmt: skip
    return tuple(sorted((name, kind) for name, kind in links.items() if kind != STATIC))


def check_names(recipes: Mapping[str, Recipe], links: Mapping[str, str]) -> None:
    """Raise UsageError for a name that is no dependency, and for one that has no shared build."""
    able = [name for name, recipe in recipes.items() if recipe.shared]
    for name, kind in links.items():
        if name not in recipes:
            near = difflib.get_close_matches(name, recipes, 1)
            raise UsageError("--link: unknown dependency", found=name, expected=f"one of {', '.join(able)}",
                             advice=f"did you mean {near[0]}?" if near else "")  # fmt: skip
        if name not in able:
            raise UsageError(f"--link {name}={kind}: {name} can only be linked statically",
                             expected=f"one of {', '.join(able)}")  # fmt: skip


def check_links(recipes: Mapping[str, Recipe], links: Mapping[str, str], used: Collection[str], version: str) -> None:
    """Raise UsageError for a name that this build has no use for, and for libraries that do not fit together.

    A shared library with a static one in it would be a second copy of that in the process.
    """
    check_names(recipes, links)
    for name, kind in links.items():
        if name not in used:
            able = [other for other, recipe in recipes.items() if recipe.shared and other in used]
            raise UsageError(f"--link {name}={kind}: no extension module of this CPython {version} is linked with it",
                             expected=f"one of {', '.join(able)}")  # fmt: skip
        for need in recipes[name].needs:
            if need not in links:
                raise UsageError(f"--link {name}={kind}: {name} uses {need}, which must not be static then",
                                 advice=f"say --link {name}={kind},{need}={kind}")  # fmt: skip


def sonames(recipe: Recipe, version: str) -> dict[str, str]:
    """Return the sonames of a recipe's shared libraries, by what link lines call them, for a version of its source."""
    series = ".".join(version.split(".")[:2])
    shared = recipe.shared.sonames if recipe.shared else {}
    return {name: text.replace("{series}", series) for name, text in shared.items()}
