"""Checks on what was left out of a build on demand: it is gone, everywhere, and the archive says so."""

from __future__ import annotations

from collections.abc import Iterator

from pythonbuild.cpython.leaving_out import NO_TESTS
from pythonbuild.distribution.left_out import RECORD, read_record
from pythonbuild.distribution.python_json import FORMAT_VERSION
from pythonbuild.validation.checks import Subject, check


@check("metadata-left-out", "what was left out of the build is not there, and is told")
def left_out(subject: Subject) -> Iterator[str]:
    """``build/left-out.json`` says what ``--without``, ``--no-tests`` and ``--no-tk`` took: no such extension module is
    listed or installed, none of the packages is in the standard library, and PYTHON.json tells the same: format 0 in
    ``omitted_extensions``, with the reasons; all formats by ``python_stdlib_test_packages``, which is empty without the
    tests, and by the script libraries of Tcl, which are only there where a module is linked with it.
    """
    document, record = subject.document, read_record(subject.top)
    extensions = document.build_info.extensions
    yield from (f"{name}: an extension module, and told to be left out" for name in sorted(subject.left_out)
                if name in extensions)  # fmt: skip
    links = {link.name for entry in extensions.values() for link in entry.links}
    if document.tcl_library_path and not any(name.startswith("tcl") for name in links):
        yield f"tcl_library_path: {document.tcl_library_path}, and nothing is linked with Tcl"
    stdlib = subject.top / document.python_stdlib
    for name in sorted(record.packages):
        path = stdlib / name.replace(".", "/")
        if path.is_dir() or path.with_name(f"{path.name}.py").is_file():
            yield f"{name}: in {document.python_stdlib}, and told to be left out ({RECORD})"
    if document.version == FORMAT_VERSION and not subject.relinked:
        told = document.omitted_extensions
        for name, reason in sorted(record.extensions.items()):
            if told.get(name) != reason:
                yield f"omitted_extensions.{name}: {told.get(name)!r}, in {RECORD} {reason!r}"
    if NO_TESTS in record.packages.values() and document.interpreter is not None:
        for package in document.interpreter.python_stdlib_test_packages:
            yield f"python_stdlib_test_packages: {package}, and the tests were left out"


CHECKS = (left_out,)
