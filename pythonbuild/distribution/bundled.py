"""Python packages inside a distribution: those that are installed, and wheels that wait to be.

CPython's source brings pip (up to 3.11 also setuptools) as wheels, of which the installed packages are made. Nothing
is known of them from our own pins: all comes from the files. Wheels and installed files of one release are one package.
"""

from __future__ import annotations

import csv
import email.parser
import hashlib
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import Message
from pathlib import Path, PurePosixPath

from pythonbuild.errors import DistributionError

#: Folders below the standard library whose wheels are real releases: others are made up by CPython's tests.
_WHEELS = ("ensurepip/_bundled", "test/wheeldata", "test")
_VENDORED = re.compile(r"\s*([A-Za-z0-9._-]+)==(\S+)")
#: Classifiers of licences that older packages have instead of an SPDX expression.
_CLASSIFIERS = {"License :: OSI Approved :: MIT License": "MIT"}


@dataclass(frozen=True)
class Package:
    """A release of a Python package: ``files`` are paths relative to ``python/``, ``wheels`` maps some to sha256.

    ``licence`` is an SPDX expression, or whatever the package says instead (``licence_is_spdx``). ``vendored`` are
    the (name, version) of packages whose code is a part of this one's.
    """

    name: str
    version: str
    licence: str
    licence_is_spdx: bool
    homepage: str
    files: tuple[str, ...]
    wheels: tuple[tuple[str, str], ...] = ()
    vendored: tuple[tuple[str, str], ...] = ()


def bundled_packages(top: Path, stdlib: str) -> tuple[Package, ...]:
    """Return the packages of ``top``/``stdlib``, by name and version. Raises DistributionError for what is damaged."""
    found: dict[tuple[str, str], Package] = {}
    for package in (*_wheels(top, top / stdlib), *_installed(top, top / stdlib / "site-packages")):
        known = found.setdefault((package.name, package.version), package)
        if known is not package:
            files = tuple(sorted({*known.files, *package.files}))
            found[package.name, package.version] = replace(
                known, files=files, vendored=known.vendored or package.vendored
            )
    return tuple(found[key] for key in sorted(found))


def _wheels(top: Path, stdlib: Path) -> Iterator[Package]:
    for folder in _WHEELS:
        for file in sorted((stdlib / folder).glob("*.whl")):
            path = file.relative_to(top).as_posix()
            try:
                with zipfile.ZipFile(file) as wheel:
                    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
                    package = _package(wheel.read(name).decode("utf-8"), path)
            except (zipfile.BadZipFile, StopIteration, UnicodeDecodeError, KeyError) as error:
                raise DistributionError(f"{path}: not a wheel", found=error) from error
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            yield replace(package, files=(path,), wheels=((path, digest),))


def _installed(top: Path, site_packages: Path) -> Iterator[Package]:
    for folder in sorted(site_packages.glob("*.dist-info")):
        where = folder.relative_to(top).as_posix()
        try:
            package = _package((folder / "METADATA").read_text("utf-8"), where)
            record = (folder / "RECORD").read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DistributionError(f"{where}: not an installed package", found=error) from error
        base = site_packages.relative_to(top).as_posix()
        paths = {os.path.normpath(f"{base}/{row[0]}") for row in csv.reader(record) if row}
        files = tuple(sorted(path for path in paths if os.path.lexists(top / path)))
        yield replace(package, files=files, vendored=tuple(_vendored(top, files)))


def _package(metadata: str, where: str) -> Package:
    headers = email.parser.Parser().parsestr(metadata, headersonly=True)
    name, version = headers["Name"], headers["Version"]
    if not name or not version:
        raise DistributionError(f"{where}: METADATA has no name or no version")
    licence, spdx = _licence(headers)
    return Package(re.sub(r"[-_.]+", "-", name).lower(), version, licence, spdx, _homepage(headers), ())


def _licence(headers: Message) -> tuple[str, bool]:
    if headers["License-Expression"]:
        return headers["License-Expression"], True
    if headers["License"] and "\n" not in headers["License"].strip():
        text = headers["License"].strip()
        return text, text in _CLASSIFIERS.values()
    for classifier in headers.get_all("Classifier", []):
        if classifier in _CLASSIFIERS:
            return _CLASSIFIERS[classifier], True
    return "", False


def _homepage(headers: Message) -> str:
    if headers["Home-page"]:
        return str(headers["Home-page"])
    links = {link.partition(", ")[0]: link.partition(", ")[2] for link in headers.get_all("Project-URL", [])}
    return next((links[label] for label in ("Homepage", "Source", "Documentation") if label in links), "")


def _vendored(top: Path, files: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for path in files:
        if PurePosixPath(path).match("_vendor/vendor.txt"):
            lines = (top / path).read_text("utf-8").splitlines()
            yield from sorted((match[1].lower(), match[2]) for line in lines if (match := _VENDORED.match(line)))
