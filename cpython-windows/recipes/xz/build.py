"""xz: liblzma, by the compiler alone; XZ Utils have no other way for MSVC than CMake."""

from pathlib import Path

from toolbox import BUILD, DEPENDENCIES, RECIPE, compile_sources, install, make_library

HERE = Path.cwd()
LIBRARY = HERE / "src/liblzma"
FOLDERS = ("api", "common", "check", "lz", "rangecoder", "lzma", "delta", "simple")
COMMON = ("tuklib_cpucores.c", "tuklib_physmem.c")

# Left out are programs that make tables, and what small builds and other processors have in place of the rest.
sources = {folder: [path for path in (LIBRARY / folder).glob("*.c")
                    if not path.stem.endswith(("_tablegen", "_small")) and path.stem != "crc_clmul_consts_gen"]
           for folder in FOLDERS}  # fmt: skip
includes = [f"-I{path}" for path in (RECIPE, *(LIBRARY / folder for folder in FOLDERS), HERE / "src/common")]
flags = ("-DHAVE_CONFIG_H", "-DLZMA_API_STATIC", *includes)
made = compile_sources([HERE / "src/common" / name for name in COMMON], *flags, objects=BUILD / "objects/tuklib")
for folder in FOLDERS:
    if sources[folder]:
        made += compile_sources(sources[folder], *flags, objects=BUILD / "objects" / folder)
make_library("liblzma.lib", made)
install([LIBRARY / "api/lzma.h"], DEPENDENCIES / "include")
install(sorted((LIBRARY / "api/lzma").glob("*.h")), DEPENDENCIES / "include/lzma")
