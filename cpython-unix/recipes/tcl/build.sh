# shellcheck shell=bash
# Tcl: the library, its scripts and message catalogues. Its copy of the time zone database is left out: Tcl reads the
# system's. Tk needs the private headers.
# No directory is compiled in: Tcl finds its scripts beside the executable or is told by Python where they are, and the
# packages of the system's Tcl are not for it.
cd unix || exit
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" --disable-shared
make libtcl8.6.a libtclstub8.6.a TCL_LIBRARY= TCL_PACKAGE_PATH= bindir= libdir= includedir= mandir=
make install-libraries install-msgs install-headers install-private-headers INSTALL_ROOT="$OUT"
rm "$OUT$PREFIX/lib/tcl8.6/tclAppInit.c"
edit tclConfig.sh "s#$STEP_BUILD/src#$PREFIX#"
place 644 "$OUT$PREFIX/lib" libtcl8.6.a libtclstub8.6.a tclConfig.sh
place 644 "$OUT$PREFIX/lib/pkgconfig" tcl.pc
