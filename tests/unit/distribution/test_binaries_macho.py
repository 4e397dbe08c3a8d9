"""What programs for macOS tell of themselves, in the words of PYTHON.json."""

from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild.distribution.binaries import crt_features, symbol_visibility
from pythonbuild.errors import DistributionError
from tests.unit.distribution.machomaker import PROGRAM, make_macho, make_universal


def python(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "bin/python3.13"
    path.parent.mkdir()
    path.write_bytes(content)
    return path


def test_the_c_library_is_libsystem(tmp_path: Path) -> None:
    python(tmp_path, make_macho(PROGRAM, exports=["Py_BytesMain"]))
    (tmp_path / "bin/idle3").write_text("#!/bin/sh\n")
    assert crt_features(tmp_path) == ("libSystem",)


@pytest.mark.parametrize("name", ["Py_BytesMain", "other"])
def test_whether_extension_modules_see_the_interpreter(tmp_path: Path, name: str) -> None:
    slices = {arch: make_macho(PROGRAM, arch=arch, exports=[name]) for arch in ("x86_64", "arm64")}
    path = python(tmp_path, make_universal(slices))
    if name == "Py_BytesMain":
        assert symbol_visibility(path) == "global-default"
    else:
        with pytest.raises(DistributionError, match="extension modules could not use it: found no symbol Py_BytesMain"):
            symbol_visibility(path)
