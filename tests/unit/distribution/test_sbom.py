"""The SBOM: complete, valid, the same for the same content; and what is left of it in a part of an archive."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from pythonbuild.distribution import sbom_text
from pythonbuild.distribution.assemble import assemble
from pythonbuild.distribution.bundled import bundled_packages
from pythonbuild.distribution.origins import CPYTHON, OWN, attribute, files
from pythonbuild.distribution.patches import CONDITIONS, applied_patches, read_from
from pythonbuild.distribution.python_json import PythonJson
from pythonbuild.distribution.sbom import cpe_name, render
from pythonbuild.distribution.sbom_text import SbomError, components, occurrences, properties, read_sbom, reference
from pythonbuild.errors import DistributionError
from tests.unit.distribution.provenances import PATCH, add_sbom, make_pip, make_recipe, make_wheel, sbom_inputs
from tests.unit.distribution.trees import make_cpython_tree, make_distribution, make_facts, make_openssl_tree, write

REPOSITORY = Path(__file__).parents[3]
LIB = "install/lib/python3.13"


@pytest.fixture
def plain(tmp_path: Path) -> dict[str, Any]:
    make_distribution(tmp_path)
    return read_sbom(add_sbom(tmp_path), "x")


def assembled(directory: Path) -> PythonJson:
    """Make the distribution from a tree of CPython that is there already."""
    openssl = make_openssl_tree(directory / "openssl")
    return assemble(directory / "cpython", {"openssl": openssl}, make_facts(), directory / "out")


def named(plain: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {reference(component): component for component in components(plain)}


def test_valid(tmp_path: Path) -> None:
    make_distribution(tmp_path)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(add_sbom(tmp_path)) is None


def test_a_source(plain: dict[str, Any]) -> None:
    openssl = named(plain)["openssl"]
    assert (openssl["version"], sbom_text.licence(openssl), sbom_text.sha256(openssl)) == (
        "1.2", "Apache-2.0", "ab" * 32)  # fmt: skip
    assert openssl["purl"].startswith("pkg:generic/openssl@1.2?checksum=sha256:abab")
    assert openssl["cpe"] == "cpe:2.3:a:openssl:openssl:1.2:*:*:*:*:*:*:*"
    assert "cpe" not in named(plain)["cpython"]
    addresses = {item["url"] for item in openssl["externalReferences"] if item["type"] == "source-distribution"}
    assert addresses == {"https://example.org/openssl-1.2.tar.gz", "https://example.org/snapshot/openssl-1.2.tar.gz"}
    assert occurrences(openssl) == ["build/lib/libcrypto.a", "build/lib/libssl.a", "licenses/LICENSE.openssl.txt"]
    into = ["install/bin/python3.13", "install/lib/libpython3.13.so.1.0"]
    assert properties(openssl, "linked-into") == into
    assert properties(openssl, "patch") == [f"{PATCH.path} sha256:{PATCH.sha256}"]
    assert openssl["pedigree"]["patches"] == [
        {"type": "unofficial",
         "diff": {"url": PATCH.path, "text": {"content": PATCH.text, "contentType": "text/x-diff"}}}
    ]  # fmt: skip


@pytest.mark.parametrize(("version", "expected"), [
    ("3.5.7", "3.5.7:*"), ("1.1.1w", "1.1.1w:*"), ("8.6.13+dfsg", "8.6.13:*"), ("5.3.28+dfsg2", "5.3.28:*"),
    ("3.15.0rc1", "3.15.0:rc1"), ("3.15.0a2", "3.15.0:alpha2"), ("3.15.0b3", "3.15.0:beta3"),
    ("3.13.5+", "3.13.5\\+:*"),
])  # fmt: skip
def test_versions_as_lists_of_vulnerabilities_have_them(version: str, expected: str) -> None:
    assert cpe_name("x.org:lib-x", version) == f"cpe:2.3:a:x.org:lib-x:{expected}:*:*:*:*:*:*"
    assert cpe_name("", version) is None


def test_tools_and_packages(plain: dict[str, Any]) -> None:
    parts = named(plain)
    assert (parts["tool:clang"]["version"], parts["tool:clang"]["scope"]) == ("22.1.8", "excluded")
    deb = parts["deb:build/clang-22"]
    assert deb["purl"] == "pkg:deb/debian/clang-22@1:2-3?arch=amd64&distro=trixie"
    assert (deb["scope"], sbom_text.sha256(deb)) == ("excluded", "ef" * 32)
    assert parts["deb:sysroot/libc6"]["scope"] == "excluded"
    start = parts["deb:sysroot/libc6-dev"]
    assert start["scope"] == "required"
    assert f"{LIB}/lib-dynload/_testcapi.so" in properties(start, "linked-into")
    edges = {entry["ref"]: entry.get("dependsOn", []) for entry in plain["dependencies"]}
    assert edges["tool:clang"] == ["deb:build/clang-22"]
    assert edges["cpython"] == ["openssl"]
    assert set(edges["distribution"]) == {"openssl", "cpython", "python-build", "deb:sysroot/libc6-dev"}


def test_every_file_once(tmp_path: Path, plain: dict[str, Any]) -> None:
    top = tmp_path / "out/python"
    told = [path for component in components(plain) for path in occurrences(component)]
    assert sorted(told) == files(top)
    assert "build/Python/core.o" in occurrences(named(plain)[CPYTHON])
    assert "install/bin/python3" in told, "links, too"


def test_the_same_wherever_and_whenever(tmp_path: Path) -> None:
    make_distribution(tmp_path)
    text = add_sbom(tmp_path)
    program = ("from pathlib import Path; from tests.unit.distribution.provenances import add_sbom; import sys; "
               "sys.stdout.write(add_sbom(Path(sys.argv[1])))")  # fmt: skip
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": "EST5"}
        done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=REPOSITORY, check=True, text=True,
                              capture_output=True, env=environment)  # fmt: skip
        assert done.stdout == text
    plain = json.loads(text)
    assert plain["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    document, making = sbom_inputs(tmp_path)
    other = json.loads(render(document, type(making)(**{**vars(making), "patches": {}})))
    assert other["serialNumber"] != plain["serialNumber"], "another content, another number"


def test_python_packages(tmp_path: Path) -> None:
    stdlib = make_cpython_tree(tmp_path / "cpython") / LIB
    make_pip(stdlib)
    make_wheel(stdlib / "ensurepip/_bundled/pip-26.1-py3-none-any.whl", "pip", "26.1")
    make_wheel(stdlib / "test/wheeldata/setuptools-79.0.1-py3-none-any.whl", "setuptools", "79.0.1")
    make_wheel(stdlib / "test/test_importlib/example-1-py3-none-any.whl", "example", "1")
    assembled(tmp_path)
    plain = read_sbom(add_sbom(tmp_path), "x")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(plain)) is None
    pip = named(plain)["pypi:pip@26.1"]
    packages = f"{LIB}/site-packages"
    assert set(occurrences(pip)) == {
        "install/bin/pip", f"{LIB}/ensurepip/_bundled/pip-26.1-py3-none-any.whl", f"{packages}/pip/__init__.py",
        f"{packages}/pip/_vendor/vendor.txt", f"{packages}/pip-26.1.dist-info/METADATA",
        f"{packages}/pip-26.1.dist-info/RECORD",
    }  # fmt: skip
    assert (pip["purl"], sbom_text.licence(pip), len(sbom_text.sha256(pip))) == ("pkg:pypi/pip@26.1", "MIT", 64)
    assert [part["purl"] for part in pip["components"]] == ["pkg:pypi/idna@3.18", "pkg:pypi/requests@2.34.2"]
    assert named(plain)["pypi:setuptools@79.0.1"]["scope"] == "optional", "tests only"
    assert f"{LIB}/test/test_importlib/example-1-py3-none-any.whl" in occurrences(named(plain)[CPYTHON])


@pytest.mark.parametrize("path", ["ensurepip/_bundled/x-1.whl", "site-packages/x-1.dist-info/METADATA"])
def test_a_damaged_package(tmp_path: Path, path: str) -> None:
    write(tmp_path / LIB / path, "nothing")
    with pytest.raises(DistributionError, match=r"install/lib/python3\.13/.*x-1"):
        bundled_packages(tmp_path, LIB)


def test_own_files_and_those_of_dependencies(tmp_path: Path) -> None:
    cpython = make_cpython_tree(tmp_path / "cpython")
    write(cpython / "build/Python/newer.o", "")
    write(cpython / "install/include/python3.13/internal/newer.h", "")
    write(cpython / "install/bin/python3.13-config", "")
    write(cpython / "install/share/terminfo/x/xterm", "")
    document = assembled(tmp_path)
    write(tmp_path / "openssl/tools/deps/share/terminfo/x/xterm", "")
    recipe = make_recipe(tmp_path / "recipe", files={
        "newer/Python/newer.c": "", "newer/Include/internal/newer.h": "", "python-config.sh": "",
    })  # fmt: skip
    trees = {"openssl": tmp_path / "openssl"}
    top = tmp_path / "out/python"
    origins = attribute(top, document, cpython, trees, (), recipe)
    own = {path for path, component in origins.items() if component == OWN}
    assert own - {"build/run_tests.py"} == {
        "build/Python/newer.o", "install/include/python3.13/internal/newer.h", "install/bin/python3.13-config"
    }  # fmt: skip
    assert origins["install/share/terminfo/x/xterm"] == "openssl"
    write(tmp_path / "zlib/tools/deps/share/terminfo/x/xterm", "")
    with pytest.raises(DistributionError, match="xterm: two trees bring this file: found openssl and zlib"):
        attribute(top, document, cpython, {**trees, "zlib": tmp_path / "zlib"}, (), recipe)
    write(top / "install/stray", "")
    with pytest.raises(DistributionError, match="install/stray: nothing tells where this file is from"):
        attribute(top, document, cpython, trees, (), recipe)


def test_a_part_of_an_archive(tmp_path: Path) -> None:
    make_distribution(tmp_path)
    whole = add_sbom(tmp_path)

    def place(path: str) -> str | None:
        return path.removeprefix("install/") if path.startswith("install/") else None

    text = sbom_text.restricted(whole, place)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    parts = named(json.loads(text))
    assert occurrences(parts["openssl"]) == []
    assert properties(parts["openssl"], "linked-into") == ["bin/python3.13", "lib/libpython3.13.so.1.0"]
    assert "bin/python3" in occurrences(parts[CPYTHON])
    assert "tool:clang" in parts
    assert json.loads(text)["serialNumber"] != json.loads(whole)["serialNumber"]
    without = json.loads(sbom_text.restricted(whole, lambda path: path, {"openssl"}))
    assert "openssl" not in named(without)
    assert "openssl" not in json.dumps(without["dependencies"])
    assert "deb:sysroot/libc6-dev" not in named(json.loads(sbom_text.restricted(whole, lambda _: None)))


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "x: not JSON"), ("[]", "not an SBOM: found 'list'"), ('{"bomFormat": "SPDX"}', "found 'SPDX'"),
     ('{"bomFormat": "CycloneDX", "components": [1]}', "components")],
)  # fmt: skip
def test_no_sbom(text: str, words: str) -> None:
    with pytest.raises(SbomError, match=words):
        read_sbom(text, "x")


def test_patches(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path / "recipes/cpython", files={
        "patches/b.patch": "b", "patches/a.patch": "a", "patches/README": "", "patches-before-3.14/c.patch": "c",
        "patches-old-ssl/d.patch": "d", "patches-3.13/e.patch": "e",
    })  # fmt: skip

    def names(version: str, ssl: str) -> list[str]:
        patches = applied_patches(recipe, tmp_path, version, lambda name: ssl if name == "Modules/_ssl.c" else "")
        return [patch.path.removeprefix("recipes/cpython/") for patch in patches]

    always = ["patches/a.patch", "patches/b.patch"]
    assert names("3.14.1", "BIO_eof(biobuf)") == always
    assert names("3.13.5", "BIO_eof(biobuf)") == [*always, "patches-3.13/e.patch", "patches-before-3.14/c.patch"]
    assert names("3.11.2", "") == [*always, "patches-before-3.14/c.patch", "patches-old-ssl/d.patch"]
    write(tmp_path / "recipes/cpython/patches-new/e.patch", "e")
    with pytest.raises(DistributionError, match="patches-new: nothing says when these patches are applied"):
        names("3.14.1", "")


def test_every_folder_of_patches_has_its_condition() -> None:
    folders = {(path.parent.name, path.name) for path in (REPOSITORY / "cpython-unix/recipes").glob("*/patches-*")}
    assert folders == set(CONDITIONS)
    script = (REPOSITORY / "cpython-unix/recipes/cpython/prepare.sh").read_text()
    for words in ('[ "$minor" -le 13 ]', "grep -q 'BIO_eof(biobuf)' Modules/_ssl.c"):
        assert words in script, "the conditions are those of the script"


def test_a_file_of_a_source(tmp_path: Path) -> None:
    import tarfile

    write(tmp_path / "Python-3/Modules/_ssl.c", "text")
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "Python-3", "Python-3")
    for place in (tmp_path / "x.tar.gz", tmp_path / "Python-3"):
        assert read_from(place)("Modules/_ssl.c") == "text"
        assert read_from(place)("Modules/none.c") == ""


def test_linked_again(tmp_path: Path) -> None:
    make_distribution(tmp_path)
    whole, top = add_sbom(tmp_path), tmp_path / "out/python"
    gone = {"build/lib/libssl.a", "build/lib/libcrypto.a", "build/Modules/_ssl.o", "licenses/LICENSE.openssl.txt"}
    there = {*files(top), "build/added/mine.o"} - gone
    programs = {"install/bin/python3.13", "install/lib/libpython3.13.so.1.0"}
    text = sbom_text.relinked(whole, there, programs, "gcc 12.2.0")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    plain = json.loads(text)
    parts = named(plain)
    assert "openssl" not in parts
    assert occurrences(parts["relinked"]) == ["build/added/mine.o"]
    assert sorted(path for part in parts.values() for path in occurrences(part)) == sorted(there)
    assert properties(plain["metadata"]["component"], "relinked") == ["gcc 12.2.0"]
    assert not programs & {*properties(parts["deb:sysroot/libc6-dev"], "linked-into")}
    with_licence = sbom_text.relinked(whole, {*there, "licenses/LICENSE.openssl.txt"}, programs, "gcc 12.2.0")
    openssl = named(json.loads(with_licence))["openssl"]
    assert (occurrences(openssl), properties(openssl, "linked-into")) == (["licenses/LICENSE.openssl.txt"], [])
