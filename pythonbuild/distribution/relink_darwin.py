"""Links an interpreter and its libpython for macOS, as :mod:`relink_link` does for Linux.

Apple's linker, and LLVM's for Mach-O, look through all static libraries until nothing is missing, so their order does
not matter; they sign what they link for arm64, without anybody's name. What a name of the system's is bound to is a
library's install name and nothing else, so there is nothing to be made up: the deployment target, which the archive's
own interpreter tells, says how old the system may be.

On Linux ``--exclude-libs`` keeps the names of the libraries inside. Here a list of them does, made of the libraries
that are linked; it lies where CPython's own build has it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePosixPath

from pythonbuild.distribution.bsdlib import write_library
from pythonbuild.distribution.machofile import Slice, read_slices
from pythonbuild.distribution.relink_choice import RelinkError
from pythonbuild.distribution.relink_link import LINK, TOP, Linked, compile_inittab
from pythonbuild.distribution.relink_tools import Compiler
from pythonbuild.distribution.relinkable import Relinkable
from pythonbuild.distribution.symbols import library_symbols

HIDDEN = "build/hidden-symbols.txt"
_HIDE, _INSTALL_NAME = "-Wl,-unexported_symbols_list,", "-Wl,-install_name,"
#: CPython's own static libraries lie beside its objects; these are where those of others are.
_OTHERS = ("build/lib/", "build/added/")


def link(wanted: Relinkable, compiler: Compiler, _dependencies: Collection[str] = ()) -> Linked:
    """Replace inittab, interpreter and libpython in the compiler's directory ``python``.

    Raises CompilerError and RelinkError when the compiler cannot link these objects.
    """
    top = compiler.directory / TOP
    (compiler.directory / LINK).mkdir()
    old = _only_slice(compiler, wanted.interpreter)
    target = f"--target={old.arch}-apple-macosx{old.minimum_os}"
    compile_inittab(wanted, compiler, [target])
    (top / HIDDEN).unlink(missing_ok=True)
    (top / HIDDEN).write_text(hidden_symbols(wanted, compiler), encoding="utf-8", newline="\n")
    objects = [f"{TOP}/{path}" for path in wanted.link_objects()]
    shared = [path for path in objects if path != f"{TOP}/{wanted.main_object}"]

    def make(goal: str, path: str, flags: Sequence[str], parts: Iterable[str]) -> None:
        words = [target, *_without_list(flags), f"{_HIDE}{TOP}/{HIDDEN}", *parts, *_library_words(wanted)]
        compiler.produce(goal, words, f"{LINK}/{PurePosixPath(path).name}").replace(top / path)

    if wanted.shared_library:
        name = _only_slice(compiler, wanted.shared_library).install_name
        flags = [flag for flag in wanted.library_ldflags if not flag.startswith(_INSTALL_NAME)]
        make("link libpython", wanted.shared_library, [*flags, f"{_INSTALL_NAME}{name}"], shared)
    make("link the interpreter", wanted.interpreter, wanted.program_ldflags, objects)
    if wanted.static_library:
        (top / wanted.static_library).unlink()
        write_library(top / wanted.static_library, [compiler.directory / path for path in shared])
    return Linked("")


def hidden_symbols(wanted: Relinkable, compiler: Compiler) -> str:
    """Return the list of the names that stay inside, as symbols are called in Mach-O files."""
    libraries = [compiler.directory / TOP / item.static for item in wanted.all_libraries()
                 if item.static.startswith(_OTHERS)]  # fmt: skip
    names = {name for path in libraries for _, symbols in library_symbols(path) for name in symbols.defined}
    return "".join(f"_{name}\n" for name in sorted(names))


def _only_slice(compiler: Compiler, path: str) -> Slice:
    slices = read_slices((compiler.directory / TOP / path).read_bytes(), path)
    if len(slices) != 1 or not slices[0].minimum_os:
        raise RelinkError(f"{path} cannot be linked again", found=f"code for {len(slices)} processors",
                          expected="one, and the oldest macOS that it runs on")  # fmt: skip
    return slices[0]


def _without_list(flags: Iterable[str]) -> list[str]:
    return [flag for flag in flags if not flag.startswith(_HIDE)]


def _library_words(wanted: Relinkable) -> list[str]:
    words: list[str] = []
    for item in wanted.all_libraries():
        if item.framework:
            words += ["-framework", item.name]
        else:
            words.append(f"-l{item.name}" if item.system else f"{TOP}/{item.static or item.dynamic}")
    return words
