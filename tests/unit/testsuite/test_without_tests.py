"""An archive that was built without CPython's tests has nothing to be run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild.cli.arguments import parse
from pythonbuild.cli.requests import make_request
from pythonbuild.distribution.archive import pack
from pythonbuild.errors import UsageError
from pythonbuild.testing import run_test_suite
from tests.unit.distribution.trees import make_distribution


@pytest.mark.parametrize("packed", [True, False])
def test_it_is_told_before_anything_is_done(tmp_path: Path, packed: bool) -> None:
    out, _ = make_distribution(tmp_path)
    path = out / "python/PYTHON.json"
    path.write_text(path.read_text().replace('"python_stdlib_test_packages": [\n      "test"\n    ]',
                                             '"python_stdlib_test_packages": []'))  # fmt: skip
    archive = pack(out, tmp_path / "x.tar.zst", 0).path if packed else out
    request = make_request(parse(["--cache-dir", str(tmp_path / "cache")], {}), Path(__file__).parents[3])
    with pytest.raises(UsageError, match="has no tests: found no package test in its standard library, expected an"):
        run_test_suite(request, archive, (), None, lambda _: None)
    assert not (tmp_path / "cache").exists()
