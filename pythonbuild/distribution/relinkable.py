"""What it takes to link an interpreter again, whatever the format of PYTHON.json that tells it.

The formats differ in where things stand and in what they leave unsaid. :mod:`relink_forms` turns a document into a
:class:`Relinkable`, and writes the document of what was made of it; everything between knows these classes only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

#: What the compiler is told where a description does not say it: the interpreter offers its functions to extension
#: modules, the libraries it was made with are nobody else's business, and what the loader fills is read-only then.
PROGRAM_LDFLAGS = (
    "-pthread", "-no-pie", "-Wl,--export-dynamic", "-Wl,--exclude-libs,ALL", "-Wl,-z,relro,-z,now,-z,noexecstack",
)  # fmt: skip
LIBRARY_LDFLAGS = ("-pthread", "-shared", "-Wl,--exclude-libs,ALL", "-Wl,-z,relro,-z,now,-z,noexecstack")
#: The same for macOS, where the linker has room for longer install names.
DARWIN_PROGRAM_LDFLAGS = ("-Wl,-stack_size,1000000", "-Wl,-headerpad_max_install_names")
DARWIN_LIBRARY_LDFLAGS = ("-dynamiclib", "-Wl,-headerpad_max_install_names")
#: The formats of objects that can be linked again, as PYTHON.json calls them.
ELF, MACH_O = "elf", "mach-o"
#: The object of ``main`` in CPython's build, which is the interpreter's and not libpython's.
MAIN_OBJECT = "build/Programs/python.o"


@dataclass(frozen=True)
class Library:
    """A library to link with: in the archive (``static`` or ``dynamic``, paths), or else the system's, which the linker
    has to look for by its ``soname`` where it is none that every system has. ``framework`` marks those of macOS.
    """

    name: str
    static: str = ""
    dynamic: str = ""
    soname: str = ""
    framework: bool = False

    @property
    def system(self) -> bool:
        return not (self.static or self.dynamic)


@dataclass(frozen=True)
class Module:
    """An extension module. ``init_fn`` is "" for those whose entry in the inittab is NULL; ``file`` is the path of a
    shared module, "" for those that are linked in. ``in_core``: its code is the core's own.
    """

    name: str
    init_fn: str
    objects: tuple[str, ...] = ()
    libraries: tuple[Library, ...] = ()
    file: str = ""
    in_core: bool = False
    required: bool = False

    @property
    def builtin(self) -> bool:
        return not self.file

    @property
    def indispensable(self) -> bool:
        return self.in_core or self.required


@dataclass(frozen=True)
class Relinkable:
    """An interpreter and all that it was linked from; paths are relative to the directory ``python``.

    ``objects`` are the core's, ``main_object`` and ``inittab_object`` among them. ``shared_library`` and
    ``static_library`` are "" where there is none. ``tcl_directories`` are the script libraries of Tcl and Tk.
    """

    version: str
    triple: str
    options: str
    system_libraries: tuple[str, ...]
    libc_floor: str
    interpreter: str
    include: str
    stdlib: str
    objects: tuple[str, ...]
    libraries: tuple[Library, ...]
    modules: Mapping[str, Module]
    main_object: str
    inittab_object: str
    inittab_source: str
    inittab_flags: tuple[str, ...]
    shared_library: str = ""
    static_library: str = ""
    program_ldflags: tuple[str, ...] = PROGRAM_LDFLAGS
    library_ldflags: tuple[str, ...] = LIBRARY_LDFLAGS
    tcl_directories: tuple[str, ...] = ()
    object_format: str = ELF

    @cached_property
    def builtin(self) -> dict[str, Module]:
        """The modules that are linked in, by name."""
        return {name: module for name, module in sorted(self.modules.items()) if module.builtin}

    def with_sonames(self, sonames: Mapping[str, str]) -> Relinkable:
        """Return the same where the system's libraries of some names are known by their sonames."""

        def named(libraries: tuple[Library, ...]) -> tuple[Library, ...]:
            return tuple(replace(item, soname=sonames.get(item.name, "")) if item.system else item
                         for item in libraries)  # fmt: skip

        modules = {name: replace(item, libraries=named(item.libraries)) for name, item in self.modules.items()}
        return replace(self, libraries=named(self.libraries), modules=modules)

    def all_libraries(self) -> tuple[Library, ...]:
        """Return the libraries of the core and of the builtin modules, each once."""
        links = [library for module in self.builtin.values() for library in module.libraries]
        return tuple(dict.fromkeys([*links, *self.libraries]))

    def link_objects(self) -> tuple[str, ...]:
        """Return what the interpreter is linked from, each object once: modules may share some."""
        return tuple(dict.fromkeys([*self.objects, *(path for item in self.builtin.values() for path in item.objects)]))

    def system_stems(self) -> set[str]:
        """Return the libraries that every system of the target has, as in ``libm``."""
        linked = {f"lib{library.name}" for module in self.modules.values() for library in module.libraries
                  if library.system}  # fmt: skip
        names = {PurePosixPath(path).name for path in self.system_libraries}  # macOS' are known by their paths
        return linked | {name.partition(".")[0] for name in names if name.startswith("lib")}

    def files(self) -> set[str]:
        """Return every file that these parts name: objects, libraries, shared modules."""
        modules = self.modules.values()
        libraries = [*self.libraries, *(library for module in modules for library in module.libraries)]
        paths = {path for library in libraries for path in (library.static, library.dynamic)}
        paths.update(self.objects, *(module.objects for module in modules), (module.file for module in modules))
        return paths - {""}
