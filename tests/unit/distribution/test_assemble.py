"""A distribution put together from trees, and its description."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pythonbuild.distribution import assemble as module
from pythonbuild.distribution.assemble import assemble
from pythonbuild.distribution.python_json import LinkEntry
from pythonbuild.errors import DistributionError
from tests.unit.distribution.elfmaker import make_library, make_object
from tests.unit.distribution.trees import (
    component,
    make_cpython_tree,
    make_dependency_tree,
    make_distribution,
    make_facts,
    make_openssl_tree,
    write,
)


def test_layout(tmp_path: Path) -> None:
    out, _ = make_distribution(tmp_path)
    files = {path.relative_to(out / "python").as_posix() for path in (out / "python").rglob("*") if path.is_file()}
    assert {"PYTHON.json", "install/bin/python3.13", "build/Modules/_ssl.o", "build/lib/libpython3.13.a",
            "build/lib/libssl.a", "build/lib/libcrypto.a", "licenses/LICENSE.openssl.txt",
            "licenses/LICENSE.cpython.txt", "build/Modules/_hacl/libHacl.a"} <= files  # fmt: skip
    assert "build/lib/libunused.a" not in files
    assert (out / "python/install/bin/python3").is_symlink()


def test_files_are_hard_links(tmp_path: Path) -> None:
    out, _ = make_distribution(tmp_path)
    assert (out / "python/build/lib/libssl.a").samefile(tmp_path / "openssl/tools/deps/lib/libssl.a")
    assert (out / "python/install/bin/python3.13").samefile(tmp_path / "cpython/install/bin/python3.13")


def test_files_are_copied_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(source: str, target: str) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)
    out, _ = make_distribution(tmp_path)
    ours, theirs = out / "python/install/bin/python3.13", tmp_path / "cpython/install/bin/python3.13"
    assert ours.read_bytes() == theirs.read_bytes()
    assert not ours.samefile(theirs)
    assert ours.stat().st_mode == theirs.stat().st_mode


def test_description(tmp_path: Path) -> None:
    _, document = make_distribution(tmp_path)
    assert (document.version, document.python_version, document.python_flavor) == ("0", "3.13.5", "cpython")
    assert (document.os, document.arch, document.build_options) == ("linux", "x86_64", "noopt")
    assert document.python_exe == "install/bin/python3.13"
    assert document.python_stdlib == "install/lib/python3.13"
    assert document.build_date == "2023-11-14T22:13:20Z"
    core = document.build_info.core
    assert core.objs == ("build/Modules/config.o", "build/Programs/python.o", "build/Python/core.o")
    assert core.links == (LinkEntry("pthread", system=True), LinkEntry("m", system=True))
    assert (core.static_lib, core.shared_lib) == ("build/lib/libpython3.13.a", "install/lib/libpython3.13.so.1.0")
    extensions = document.build_info.extensions
    ssl, crypto = extensions["_ssl"].links
    assert ssl == LinkEntry("ssl", "build/lib/libssl.a")
    assert crypto == LinkEntry("crypto", "build/lib/libcrypto.a")
    assert extensions["_ssl"].licenses == ("Apache-2.0",)
    assert extensions["_ssl"].license_paths == ("licenses/LICENSE.openssl.txt",)
    assert extensions["_sha2"].links == (LinkEntry("Hacl", "build/Modules/_hacl/libHacl.a"),)
    assert extensions["builtins"].init_fn == "NULL"
    assert [name for name, entry in extensions.items() if entry.in_core] == ["builtins", "marshal"]
    assert [name for name, entry in extensions.items() if entry.required] == ["builtins", "marshal", "posix"]
    assert extensions["_testcapi"].shared_lib == "install/lib/python3.13/lib-dynload/_testcapi.so"
    assert [(source.name, source.libraries) for source in document.sources] == [
        ("cpython", ()), ("openssl", ("build/lib/libcrypto.a", "build/lib/libssl.a")),
    ]  # fmt: skip


def test_description_is_the_same_every_time(tmp_path: Path) -> None:
    first, _ = make_distribution(tmp_path / "one")
    second, _ = make_distribution(tmp_path / "two")
    assert (first / "python/PYTHON.json").read_bytes() == (second / "python/PYTHON.json").read_bytes()


def test_second_name_of_a_library_is_one_file(tmp_path: Path) -> None:
    openssl = make_openssl_tree(tmp_path / "openssl")
    real = openssl / "tools/deps/lib/libssl.a"
    real.rename(real.with_name("libssl-3.a"))
    real.symlink_to("libssl-3.a")
    cpython = make_cpython_tree(tmp_path / "cpython")
    document = assemble(cpython, {"openssl": openssl}, make_facts(), tmp_path / "out")
    assert document.build_info.extensions["_ssl"].links[0] == LinkEntry("ssl", "build/lib/libssl-3.a")
    assert not (tmp_path / "out/python/build/lib/libssl.a").exists()


def test_several_licence_texts_are_joined(tmp_path: Path) -> None:
    openssl = make_openssl_tree(tmp_path / "openssl")
    write(openssl / "licenses/openssl/crypto/NOTICE", "\nnotice\n")
    cpython = make_cpython_tree(tmp_path / "cpython")
    assemble(cpython, {"openssl": openssl}, make_facts(), tmp_path / "out")
    text = (tmp_path / "out/python/licenses/LICENSE.openssl.txt").read_text()
    assert text == ("===== LICENSE.txt =====\n\nlicence of openssl\n\n\n===== crypto/NOTICE =====\n\nnotice\n")


def test_tcl_scripts_are_named(tmp_path: Path) -> None:
    cpython = make_cpython_tree(tmp_path / "cpython")
    write(cpython / "install/lib/tcl8.6/init.tcl", "")
    write(cpython / "install/lib/tk8.6/tk.tcl", "")
    openssl = make_openssl_tree(tmp_path / "openssl")
    document = assemble(cpython, {"openssl": openssl}, make_facts(), tmp_path / "out")
    assert (document.tcl_library_path, document.tcl_library_paths) == ("install/lib", ("tcl8.6", "tk8.6"))


def test_missing_licence_text(tmp_path: Path) -> None:
    openssl = make_openssl_tree(tmp_path / "openssl")
    (openssl / "licenses/openssl/LICENSE.txt").unlink()
    with pytest.raises(DistributionError, match="licenses/openssl: no licence text"):
        assemble(make_cpython_tree(tmp_path / "cpython"), {"openssl": openssl}, make_facts(), tmp_path / "out")


def test_unknown_component(tmp_path: Path) -> None:
    facts = make_facts(components={"cpython": component("cpython-3.13", "PSF-2.0")})
    trees = {"openssl": make_openssl_tree(tmp_path / "openssl")}
    with pytest.raises(DistributionError, match="recipe openssl: linked, but nothing says"):
        assemble(make_cpython_tree(tmp_path / "cpython"), trees, facts, tmp_path / "out")


def test_library_of_two_dependencies(tmp_path: Path) -> None:
    other = make_dependency_tree(tmp_path / "other", {"ssl": make_library({"x.o": make_object(["x"])})}, "other")
    trees = {"openssl": make_openssl_tree(tmp_path / "openssl"), "other": other}
    with pytest.raises(DistributionError, match="two dependencies bring this library: found openssl and other"):
        assemble(make_cpython_tree(tmp_path / "cpython"), trees, make_facts(), tmp_path / "out")


def test_missing_installation(tmp_path: Path) -> None:
    cpython = make_cpython_tree(tmp_path / "cpython")
    (cpython / "install").rename(cpython / "elsewhere")
    with pytest.raises(DistributionError, match="install: the tree lacks this directory"):
        assemble(cpython, {}, make_facts(), tmp_path / "out")


def test_file_of_two_trees(tmp_path: Path) -> None:
    source = write(tmp_path / "a/x", "x").parent
    module.place_tree(source, tmp_path / "b")
    with pytest.raises(DistributionError, match="two trees bring this file"):
        module.place_tree(source, tmp_path / "b")
