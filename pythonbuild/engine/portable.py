"""Names in trees that not every file system can keep apart, or keep at all.

Trees are made by steps of one system and may be read on another: macOS and Windows do not tell ``A`` from ``a``, and
Windows has characters and names that no file can have. A link or a file made under such a name would not fail; it would
be another file. Pure: paths come as the texts that manifests have.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable

from pythonbuild.errors import StoreError

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]')


def refuse_unusable(paths: Iterable[str], *, windows: bool, ignores_case: bool) -> None:
    """Raise StoreError, naming the path, when a tree cannot be laid out on such a file system."""
    seen: dict[str, str] = {}
    for path in sorted(paths) if windows or ignores_case else ():
        if windows and (why := why_unusable(path)):
            raise StoreError(f"{path}: Windows cannot have such a file", found=why,
                             advice="let the recipe that makes it name it otherwise")  # fmt: skip
        other = seen.setdefault(folded(path), path) if ignores_case else path
        if other != path:
            raise StoreError(f"{path}: the file system here takes it for {other}",
                             advice="give --cache-dir a directory where upper and lower case differ")  # fmt: skip


def why_unusable(path: str) -> str:
    """Say what keeps Windows from having a file of this name; "" when nothing does."""
    for name in path.split("/"):
        if found := _FORBIDDEN.search(name):
            return f"the character {found[0]!r}"
        if _RESERVED.fullmatch(name):
            return f"the name of a device, {name}"
        if name.endswith((".", " ")):
            return f"a name that ends with {name[-1]!r}"
    return ""


def folded(path: str) -> str:
    """Return the same text for all paths that a file system which ignores case takes for the same."""
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path).casefold()


def led_to(path: str, target: str) -> str:
    """Return which path of the tree a symbolic link at ``path`` leads to; one that is none where it leads out of it."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
