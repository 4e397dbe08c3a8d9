# shellcheck shell=bash
# Tcl: the library, its scripts and message catalogues. Its copy of the time zone database is left out: Tcl reads the
# system's. Tk needs the private headers.
# The library is told that it is in /install, like CPython: it looks beside the executable first, and Tcl packages of the
# system are not for it.
cd unix || exit
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" --disable-shared
make libtcl8.6.a libtclstub8.6.a prefix=/install exec_prefix=/install libdir=/install/lib includedir=/install/include \
    mandir=/install/share/man TCL_LIBRARY=/install/lib/tcl8.6 TCL_PACKAGE_PATH=
make install-libraries install-msgs install-headers install-private-headers INSTALL_ROOT="$OUT"
rm "$OUT$PREFIX/lib/tcl8.6/tclAppInit.c"
sed -i "s#/build/src#$PREFIX#" tclConfig.sh
install -D -m 644 -t "$OUT$PREFIX/lib" libtcl8.6.a libtclstub8.6.a tclConfig.sh
install -D -m 644 -t "$OUT$PREFIX/lib/pkgconfig" tcl.pc
