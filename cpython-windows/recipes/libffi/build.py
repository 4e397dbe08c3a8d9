"""libffi: its C sources and the assembly of one processor. Its configure script needs a shell, and is not used.

The assembly is written for the C preprocessor, whose output ml64 (ml, armasm64) takes. What configure would find out is
said here: no long double of its own, no mmap, one table of no trampolines.
"""

import os
from pathlib import Path

from toolbox import ARCH, BUILD, DEPENDENCIES, compile_sources, fail, install, make_library, replace, run

HERE = Path.cwd()
#: By processor: libffi's name of the target, its directory, its sources, its assembly, the assembler and its flags.
KINDS = {
    "x86_64": ("X86_WIN64", "x86", ["ffiw64.c"], "win64_intel.S", "ml64", ("-nologo", "-c")),
    "i686": ("X86_WIN32", "x86", ["ffi.c"], "sysv_intel.S", "ml", ("-nologo", "-c", "-safeseh")),
    "aarch64": ("ARM_WIN64", "aarch64", ["ffi.c"], "win64_armasm.S", "armasm64", ("-nologo",)),
}
COMMON = ("closures", "java_raw_api", "prep_cif", "raw_api", "tramp", "types")
CONFIG = """#define STDC_HEADERS 1
#define HAVE_ALLOCA 1
#define HAVE_INTTYPES_H 1
#define HAVE_MEMORY_H 1
#define HAVE_STDINT_H 1
#define HAVE_STDLIB_H 1
#define HAVE_STRING_H 1
#define HAVE_SYS_STAT_H 1
#define HAVE_SYS_TYPES_H 1
#define SIZEOF_DOUBLE 8
#define SIZEOF_LONG_DOUBLE 8
#define SIZEOF_SIZE_T {pointer}
#ifdef LIBFFI_ASM
#define FFI_HIDDEN(name)
#else
#define FFI_HIDDEN
#endif
"""

target, directory, names, assembly, assembler, flags = KINDS[ARCH]
own = HERE / "src" / directory
generated = BUILD / "generated"
generated.mkdir()
numbers = [int(part) for part in os.environ["SOURCE_VERSION"].split("+")[0].split(".")[:3]]
version = ".".join(map(str, numbers))
text = (HERE / "include/ffi.h.in").read_text(encoding="utf-8")
words = {"@VERSION@": version, "@TARGET@": target, "@HAVE_LONG_DOUBLE@": "0", "@FFI_EXEC_TRAMPOLINE_TABLE@": "0",
         "@FFI_VERSION_STRING@": version, "@FFI_VERSION_NUMBER@": "{}{:02}{:02}".format(*numbers),
         "@HAVE_LONG_DOUBLE_VARIANT@": "0"}  # fmt: skip
replace(HERE / "include/ffi.h.in", {old: new for old, new in words.items() if old in text}, generated / "ffi.h")
if "@" in "".join(line for line in (generated / "ffi.h").read_text(encoding="utf-8").splitlines() if line[:1] == "#"):
    fail("include/ffi.h.in has a word that this recipe does not know: it would have to be filled in")
config = CONFIG.format(pointer=4 if ARCH == "i686" else 8)
(generated / "fficonfig.h").write_text(config, encoding="utf-8", newline="\n")
includes = [f"-I{path}" for path in (generated, HERE / "include", own, HERE / "src")]
defines = ("-DFFI_BUILDING", "-DFFI_STATIC_BUILD", "-DWIN32")
objects = BUILD / "objects"
made = compile_sources([HERE / "src" / f"{name}.c" for name in COMMON], *includes, *defines, objects=objects)
made += compile_sources([own / name for name in names], *includes, *defines, objects=objects / directory)
source = BUILD / f"{Path(assembly).stem}.asm"
run("cl", "-nologo", "-EP", *includes, *defines, "-DLIBFFI_ASM", f"-Tc{own / assembly}", output=source)
assembled = objects / f"{source.stem}.obj"
if ARCH == "aarch64":
    run(assembler, *flags, "-o", assembled, source)
else:
    run(assembler, *flags, f"-Fo{assembled}", source)
make_library("libffi.lib", [*made, assembled])
install([generated / "ffi.h", own / "ffitarget.h"], DEPENDENCIES / "include")
