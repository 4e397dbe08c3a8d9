"""PYTHON.json as it is found: this project's formats, or what other builders of such archives write.

The formats "1" to "8" are python-build-standalone's, and this project writes "7" and "8" when it is asked to. They
differ from format 0 in one thing that matters here: every extension module is a list of variants. The checks that
compare the description with the objects do so in this project's own archives, which are known by what they say of
CPython's build; what every format says in the same words (paths, the target) is read from the plain JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pythonbuild.distribution.archive import METADATA
from pythonbuild.distribution.later_json import LATER_FORMATS, read_any_format
from pythonbuild.distribution.python_json import FORMAT_VERSION, PythonJson, named_paths, read_python_json
from pythonbuild.distribution.relink_files import RECORD
from pythonbuild.distribution.typed_json import JsonFormatError
from pythonbuild.errors import DistributionError

OTHER_FORMATS = tuple(str(number) for number in range(1, 9))
#: What an archive without a description holds directly below ``python/``.
_INSTALLATION = ("bin", "lib", "python.exe")
#: What only this project's archives hold, below ``python/``.
OWN_FILES = ("build/cpython-build.json", RECORD)
#: And what only its archives of the installation alone do.
_OWN_LICENCE = "share/licenses/python3.*/LICENSE.cpython.txt"


@dataclass(frozen=True)
class Description:
    """What is known of an archive from its PYTHON.json.

    ``format`` is "" where there is none. ``document`` is there for this project's archives, in the words of format 0;
    for others it is None, and ``absent`` says why. ``problem`` is what is wrong with the description itself, if
    anything. ``installation`` tells an archive of the installation alone that this project made.
    """

    format: str = ""
    plain: Mapping[str, Any] = field(default_factory=dict)
    document: PythonJson | None = None
    absent: str = ""
    problem: str = ""
    installation: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether this project's own rules apply: not to archives of other builders, nor where nothing is described.

        A description that cannot be read is taken for one of ours.
        """
        return self.document is not None or bool(self.problem)

    @property
    def is_packed_by_us(self) -> bool:
        """Whether this project's rules of packing apply, and its places of building are the ones to look for."""
        return self.is_ours or self.installation

    def paths(self) -> dict[str, str]:
        """Return every path that is named, by the key that names it, in whichever format."""
        return dict(named_paths(dict(self.plain)))


def read_description(top: Path) -> Description:
    """Read ``top``/PYTHON.json. What is wrong with it is told in ``problem``, never raised."""
    path = top / "PYTHON.json"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if any((top / name).exists() for name in _INSTALLATION) and not (top / "install").exists():
            return Description(absent="there is no PYTHON.json: an archive of the installation alone",
                               installation=any(top.glob(_OWN_LICENCE)))  # fmt: skip
        return _wrong(f"{METADATA}: not there")
    except (OSError, UnicodeDecodeError) as error:
        return _wrong(f"{METADATA}: cannot be read: {error}")
    try:
        version = _version(text)
        if version in OTHER_FORMATS:
            plain = json.loads(text)
            _check_other(plain)
            if version in LATER_FORMATS and any((top / name).is_file() for name in OWN_FILES):
                return Description(version, plain, read_any_format(text, METADATA))
            return Description(version, plain, absent=f"PYTHON.json is of format {version}, not {FORMAT_VERSION}")
        if version not in ("", FORMAT_VERSION):
            raise JsonFormatError(f"{METADATA}: version", found=repr(version),
                                  expected=f'"{FORMAT_VERSION}", or "1" to "8" of other builders')  # fmt: skip
        return Description(FORMAT_VERSION, json.loads(text), read_python_json(text, METADATA))
    except DistributionError as error:
        return _wrong(str(error))


def _wrong(problem: str) -> Description:
    return Description(problem=problem, absent="PYTHON.json cannot be read (metadata-format)")


def _version(text: str) -> str:
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise JsonFormatError(f"{METADATA}: not JSON", found=error) from error
    version = plain.get("version") if isinstance(plain, dict) else None
    return version if isinstance(version, str) else ""


def _check_other(plain: Mapping[str, Any]) -> None:
    """Check what all other formats have in common. Raises JsonFormatError."""
    for place in ("python_exe", "python_version", "build_info.core", "build_info.extensions"):
        value: Any = plain
        for key in place.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        expected = dict if place.startswith("build_info") else str
        if not isinstance(value, expected):
            raise JsonFormatError(f"{METADATA}: {place}", found=json.dumps(value)[:60],
                                  expected="an object" if expected is dict else "text")  # fmt: skip
    for name, variants in plain["build_info"]["extensions"].items():
        if not isinstance(variants, list) or not all(isinstance(variant, dict) for variant in variants):
            raise JsonFormatError(f"{METADATA}: build_info.extensions.{name}", found=json.dumps(variants)[:60],
                                  expected=f"a list of variants, as format {plain['version']} has it")  # fmt: skip
