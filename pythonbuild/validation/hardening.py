"""Checks on what compiler and linker do against attacks: they cost nothing that can be measured (docs/performance.rst).

The first five look at how every program and library asks to be loaded; the last two at whether the code was compiled
with the protections at all, which shows in the functions of the C library that it calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pythonbuild.distribution.objectfile import (
    PF_W,
    PF_X,
    PT_GNU_RELRO,
    PT_GNU_STACK,
    PT_LOAD,
    ObjectSymbols,
)
from pythonbuild.validation.checks import NotApplicable, SharedObject, Subject, check

_STACK_PROTECTOR = frozenset({"__stack_chk_fail", "__stack_chk_fail_local"})
#: Different checked functions that an interpreter with its libraries calls: 16 were counted in CPython 3.13, 0 without.
_FEWEST_CHECKED = 8
#: A library of fewer members may have no function with an array on its stack.
_FEW_MEMBERS = 20
#: Of the core's objects that call anything, this part has such a function (0.8 was counted, 0 without the option).
_PART_PROTECTED = 0.5


@check("hardening-stack", "no program or library asks for an executable stack")
def stack(subject: Subject) -> Iterator[str]:
    """The program header PT_GNU_STACK is there and not executable. Without it old kernels and loaders make the stack of
    the whole process executable.

    Mostly an assembler file without a ``.note.GNU-stack`` section is the reason; ``-z noexecstack`` overrules it.
    """
    for file in subject.shared_objects:
        header = next((segment for segment in file.segments if segment.type == PT_GNU_STACK), None)
        if header is None:
            yield f"{file.path}: has no PT_GNU_STACK header, expected one without the executable flag"
        elif header.flags & PF_X:
            yield f"{file.path}: asks for an executable stack"


@check("hardening-relro", "tables that the loader fills are read-only afterwards")
def relro(subject: Subject) -> Iterator[str]:
    """Every dynamic program and library has a PT_GNU_RELRO segment (``-z relro``)."""
    for file in _dynamic(subject):
        if not any(segment.type == PT_GNU_RELRO for segment in file.segments):
            yield f"{file.path}: has no PT_GNU_RELRO segment, link it with -z relro"


@check("hardening-bind-now", "all symbols are bound at the start, so that no such table stays writable")
def bind_now(subject: Subject) -> Iterator[str]:
    """The dynamic section of every program and library says BIND_NOW (``-z now``): with RELRO alone, the table of
    functions that are bound at their first call stays writable.
    """
    for file in _dynamic(subject):
        if file.dynamic and not file.dynamic.bind_now:
            yield f"{file.path}: does not say BIND_NOW, link it with -z now"


@check("hardening-writable-code", "no memory is writable and executable at once")
def writable_code(subject: Subject) -> Iterator[str]:
    """No loaded segment has both flags (W^X)."""
    for file in subject.shared_objects:
        for segment in file.segments:
            if segment.type == PT_LOAD and segment.flags & PF_W and segment.flags & PF_X:
                yield f"{file.path}: the segment at byte {segment.offset} is writable and executable"


@check("hardening-text-relocations", "the loader never has to patch code")
def text_relocations(subject: Subject) -> Iterator[str]:
    """The dynamic section has neither DT_TEXTREL nor DF_TEXTREL. Code that must be patched cannot be shared between
    processes, and systems with SELinux refuse to load it. Some object was compiled without ``-fPIC``.
    """
    for file in _dynamic(subject):
        if file.dynamic and file.dynamic.text_relocations:
            yield f"{file.path}: has text relocations, compile everything with -fPIC"


@check("hardening-stack-protector", "functions with arrays on the stack notice when it is overrun")
def stack_protector(subject: Subject) -> Iterator[str]:
    """The interpreter and libpython call ``__stack_chk_fail``, and so do at least half of the core's objects and some
    member of every linked library of twenty or more: it was compiled with ``-fstack-protector-strong``.
    """
    for file in _interpreters(subject):
        if file.dynamic and not file.dynamic.imported & _STACK_PROTECTOR:
            yield f"{file.path}: calls no __stack_chk_fail, compile with -fstack-protector-strong"
    if subject.description.document is None:
        return
    objects = [subject.object(path) for path in subject.document.build_info.core.objs]
    calling = [item for item in objects if item.undefined]
    protected = [item for item in calling if _protected([item])]
    if len(calling) >= _FEW_MEMBERS and len(protected) < _PART_PROTECTED * len(calling):
        yield f"core: {len(protected)} of {len(calling)} objects have a stack protector, expected {_PART_PROTECTED:.0%}"
    for path in subject.dependency_libraries:
        members = [symbols for _, symbols in subject.library(path)]
        if len(members) >= _FEW_MEMBERS and not _protected(members):
            yield f"{path}: none of {len(members)} members has a stack protector"


@check("hardening-fortify", "calls that could overrun a buffer of known size are checked")
def fortify(subject: Subject) -> Iterator[str]:
    """The interpreter and libpython call at least eight different checked functions of the C library
    (``__memcpy_chk`` and so on): it was compiled with ``-D_FORTIFY_SOURCE=2`` and optimised.

    Only glibc has these functions. A debug build is not optimised enough for them, and is not looked at.
    """
    if subject.target.libc != "glibc":
        raise NotApplicable(f"the target's C library is {subject.target.libc}")
    subject.require_target()
    if "debug" in str(subject.description.plain.get("build_options", "")).split("+"):
        raise NotApplicable("a debug build")
    for file in _interpreters(subject):
        imported = file.dynamic.imported if file.dynamic else frozenset()
        checked = {name for name in imported - _STACK_PROTECTOR if name.startswith("__") and name.endswith("_chk")}
        if len(checked) < _FEWEST_CHECKED:
            yield f"{file.path}: calls {len(checked)} checked functions, expected {_FEWEST_CHECKED} or more"


def _dynamic(subject: Subject) -> Iterable[SharedObject]:
    return [file for file in subject.shared_objects if file.dynamic is not None]


def _interpreters(subject: Subject) -> list[SharedObject]:
    """Return the programs and libraries that hold the interpreter: they export its functions."""
    found = [file for file in subject.shared_objects if file.dynamic and "Py_BytesMain" in file.dynamic.exported]
    if not found:
        raise NotApplicable("no program or library exports the interpreter")
    return found


def _protected(objects: Iterable[ObjectSymbols]) -> bool:
    return any(item.undefined & _STACK_PROTECTOR for item in objects)


CHECKS = (stack, relro, bind_now, writable_code, text_relocations, stack_protector, fortify)
