"""Told by the built Python itself, as a program: what it says of itself, in the words of PYTHON.json's formats 7 and 8.

One line is printed: a JSON object after ``FACTS``. What depends on where the installation stands is told as if it stood
at ``/install``, and the user's home as ``~``: every place whose name needs no quoting gives the same answer. Only the
standard library is imported, and none of it that a build may leave out.
"""

import importlib.machinery
import importlib.util
import json
import os
import sys
import sysconfig
import warnings

HOME, PLACE = os.path.expanduser("~"), sys.prefix  # noqa: PTH111 - texts that are compared with texts
TEST_PACKAGES = ("test", "tests", "idle_test")


def in_archive(path: str) -> str:
    """Return a path of the installation as the archive has it."""
    return "install" + path[len(PLACE) :].replace(os.sep, "/")


def config_vars() -> "dict[str, str]":
    values = {name: str(value).replace(PLACE, "/install") for name, value in sysconfig.get_config_vars().items()}
    if values.get("userbase", "").startswith(HOME):
        values["userbase"] = "~" + values["userbase"][len(HOME) :]
    return values


def suffixes() -> "dict[str, list[str]]":
    machinery = importlib.machinery
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two of them are deprecated
        return {
            "source": machinery.SOURCE_SUFFIXES,
            "bytecode": machinery.BYTECODE_SUFFIXES,
            "debug_bytecode": getattr(machinery, "DEBUG_BYTECODE_SUFFIXES", machinery.BYTECODE_SUFFIXES),
            "optimized_bytecode": getattr(machinery, "OPTIMIZED_BYTECODE_SUFFIXES", machinery.BYTECODE_SUFFIXES),
            "extension": machinery.EXTENSION_SUFFIXES,
        }


def test_packages(stdlib: str) -> "list[str]":
    """Return the outermost packages of the standard library that hold tests."""
    found = []
    for directory, subdirectories, files in os.walk(stdlib):
        if directory == stdlib:
            subdirectories[:] = sorted(set(subdirectories) - {"site-packages", "lib-dynload", "__pycache__"})
        elif "__init__.py" not in files:
            subdirectories[:] = []
        elif os.path.basename(directory) in TEST_PACKAGES:  # noqa: PTH119
            found.append(directory[len(stdlib) + 1 :].replace(os.sep, "."))
            subdirectories[:] = []
    return sorted(found)


def abi_tag() -> "str | None":
    """Return the tag of the ABI: cpython-313-x86_64-linux-gnu and .cp313-win_amd64.pyd both tell cp313."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX") or ""
    words = (sysconfig.get_config_var("SOABI") or suffix.strip(".").partition(".")[0]).split("-")
    if words[0].startswith("cp3"):
        return words[0]
    return "cp" + words[1] if len(words) > 1 else None


def facts() -> "dict[str, object]":
    version = sys.implementation.version
    config = sysconfig.get_config_var("LIBPL") or ""
    loading = ["builtin", *(["shared-library"] if importlib.machinery.EXTENSION_SUFFIXES else [])]
    return {
        "python_version": sys.version.split()[0].rstrip("+"),
        "python_major_minor_version": sysconfig.get_python_version(),
        "python_tag": f"cp{sysconfig.get_config_var('py_version_nodot')}",
        "python_abi_tag": abi_tag(),
        "python_platform_tag": sysconfig.get_platform().replace("-", "_").replace(".", "_"),
        "python_implementation_cache_tag": sys.implementation.cache_tag,
        "python_implementation_hex_version": sys.implementation.hexversion,
        "python_implementation_name": sys.implementation.name,
        "python_implementation_version": [str(part) for part in version],
        "python_paths": {name: in_archive(path) for name, path in sysconfig.get_paths().items()},
        "python_paths_abstract": sysconfig.get_paths(expand=False),
        "python_config_vars": config_vars(),
        "python_stdlib_platform_config": in_archive(config) if os.path.isdir(config) else None,  # noqa: PTH112
        "python_stdlib_test_packages": test_packages(sysconfig.get_paths()["stdlib"]),
        "python_suffixes": suffixes(),
        "python_bytecode_magic_number": importlib.util.MAGIC_NUMBER.hex(),
        "python_extension_module_loading": loading,
        # Windows has no such variable; there is a DLL where the interpreter has a handle of it, which is 0 otherwise.
        "libpython_link_mode": "shared"
        if sysconfig.get_config_var("Py_ENABLE_SHARED") or getattr(sys, "dllhandle", 0)
        else "static",
    }


if __name__ == "__main__":
    print("FACTS", json.dumps(facts(), sort_keys=True))  # noqa: T201
