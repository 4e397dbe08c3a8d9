"""The tree is complete: nothing is written to it by using it, and it can be read-only."""

from __future__ import annotations

from pathlib import Path

from tests.integration.relocation.conftest import Tree

IMPORT_EVERYTHING = r"""
import importlib, pkgutil, sys, warnings

warnings.simplefilter("ignore")
LEFT_OUT = {"test", "tests", "idle_test", "__main__", "antigravity", "this", "__phello__"}
imported = 0

def walk(path, package):
    global imported
    for _, name, is_package in pkgutil.iter_modules(path):
        if name in LEFT_OUT or (package == "turtledemo." and name != "minimal_hanoi") or package == "idlelib.":
            continue
        try:
            module = importlib.import_module(package + name)
        except (Exception, SystemExit):
            continue
        imported += 1
        if is_package:
            walk(module.__path__, package + name + ".")

walk([path for path in sys.path if path.startswith(sys.prefix)], "")
assert imported > 500, imported
"""


def listing(directory: Path) -> dict[str, tuple[int, int, int]]:
    """Return what tells whether anything below a directory was changed."""
    found = {}
    for path in [directory, *directory.rglob("*")]:
        status = path.lstat()
        found[str(path.relative_to(directory))] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


def test_nothing_is_written_to_a_tree_that_can_be_written(awkward: Tree) -> None:
    before = listing(awkward.prefix)
    awkward.say("pass")
    awkward.say(IMPORT_EVERYTHING)
    awkward.say("import sysconfig; sysconfig.get_config_vars()")
    awkward.run([awkward.prefix / "bin/pip3", "--version"])
    awkward.run([awkward.prefix / "bin/python3-config", "--ldflags"])
    awkward.run([awkward.python, "-m", "venv", awkward.home / "venv"])
    assert listing(awkward.prefix) == before


def test_every_module_has_valid_byte_code(awkward: Tree) -> None:
    """Checked by the hash of the source: good in whatever archive and file system, and an edited source counts."""
    code = """
import importlib._bootstrap_external as external, importlib.util, pathlib, sys
count = 0
for path in pathlib.Path(sys.prefix, "lib").rglob("*.py"):
    if {"test", "tests", "idle_test", "bad"} & set(path.parts) or "lib2to3/tests" in str(path):
        continue
    cached = pathlib.Path(importlib.util.cache_from_source(str(path)))
    if not cached.exists():
        print("none:", path)
        continue
    data = cached.read_bytes()
    flags = int.from_bytes(data[4:8], "little")
    valid = data[8:16] == importlib.util.source_hash(path.read_bytes())
    if data[:4] != importlib.util.MAGIC_NUMBER or flags != 0b11 or not valid:
        print("not valid:", path)
    count += 1
assert count > 1000, count
"""
    assert awkward.say(code) == ""


def test_read_only_and_as_somebody_else(awkward: Tree) -> None:
    """Root may write to what is read-only, so that an ordinary user is taken where there is a choice."""
    for path in [awkward.prefix, *awkward.prefix.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o555)
    awkward.home.chmod(0o777)
    before = listing(awkward.prefix)
    try:
        assert awkward.run([awkward.python, "-c", "import sys; print(sys.prefix)"], ordinary=True).strip() == str(
            awkward.prefix
        )
        awkward.run([awkward.python, "-c", IMPORT_EVERYTHING], ordinary=True)
        venv = awkward.home / "venv"
        awkward.run([awkward.python, "-m", "venv", venv], ordinary=True)
        assert "venv" in awkward.run([venv / "bin/pip", "--version"], ordinary=True)
        code = "import sys\ntry: open(sys.prefix + '/x', 'w')\nexcept PermissionError: print('read-only')"
        assert awkward.run([awkward.python, "-c", code], ordinary=True) == "read-only\n"
        assert listing(awkward.prefix) == before
    finally:
        for path in [awkward.prefix, *awkward.prefix.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
