"""The archive of the session, and what its validation takes, as the end of its build had it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pythonbuild.config.project import Project
from pythonbuild.distribution.archive import unpack
from pythonbuild.distribution.inspect import inspect_archive
from pythonbuild.engine.store import Store
from pythonbuild.shipping import expected_linkages
from tests.integration.conftest import CACHE, REPOSITORY, Run
from tests.integration.validation.damage import Original


@pytest.fixture(scope="session")
def original(first: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Original]:
    project = Project(REPOSITORY)
    document = inspect_archive(first.archive).document
    assert document is not None
    target = project.targets[document.target_triple]
    tree = tmp_path_factory.mktemp("original")
    unpack(first.archive, tree)
    with Store(CACHE) as store:
        record = store.newest("sysroot")
        assert record is not None
        sysroot = store.materialise_cached(record.tree) / "tools" / "sysroot"
        modules = project.unix / "extension-modules.yml"
        expected = expected_linkages(modules, document.python_version, target.os)
        yield Original(first.archive, tree, target, sysroot, expected)
