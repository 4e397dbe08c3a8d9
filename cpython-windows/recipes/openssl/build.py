"""OpenSSL: libcrypto and libssl; the legacy provider is built in, no module is looked for at run time.

Left out is what only C programs can ask for, as on Linux: the CMP, CMS and time stamp protocols, DTLS, QUIC. Where
certificates and openssl.cnf are looked for stays OpenSSL's own: Python on Windows takes certificates from Windows.
"""

import os
from pathlib import Path

from toolbox import ARCH, DEPENDENCIES, install, run

HERE = Path.cwd()
TARGETS = {"x86_64": "VC-WIN64A", "i686": "VC-WIN32", "aarch64": "VC-WIN64-ARM"}

perl = os.environ["PERL"]
# Configure looks for nasm by its name, and the makefile calls perl and nasm by theirs.
programs = [perl, *([os.environ["NASM"]] if ARCH != "aarch64" else [])]
path = os.pathsep.join([*(str(Path(program).parent) for program in programs), os.environ["PATH"]])
# The library tells everybody how it was compiled (OpenSSL_version(OPENSSL_CFLAGS)): the date is that of the source.
run(perl, "Configure", TARGETS[ARCH], "no-shared", "no-module", "no-apps", "no-tests", "no-docs", "no-cmp", "no-cms",
    "no-dtls", "no-quic", "no-ts", *(["no-asm"] if ARCH == "aarch64" else []), "-Brepro",
    extra={"PATH": path})  # fmt: skip
run("nmake", "-nologo", "build_libs", extra={"PATH": path})
install([HERE / "libcrypto.lib", HERE / "libssl.lib"], DEPENDENCIES / "lib")
install(sorted((HERE / "include/openssl").glob("*.h")), DEPENDENCIES / "include/openssl")
