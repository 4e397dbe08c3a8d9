# shellcheck shell=bash
# Tcl: the library, its scripts and message catalogues. Its copy of the time zone database is left out: Tcl reads the
# system's. Tk needs the private headers.
cd unix || exit
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" --disable-shared
make libtcl8.6.a libtclstub8.6.a
make install-libraries install-msgs install-headers install-private-headers INSTALL_ROOT="$OUT"
rm "$OUT$PREFIX/lib/tcl8.6/tclAppInit.c"
sed -i "s#/build/src#$PREFIX#" tclConfig.sh
install -D -m 644 -t "$OUT$PREFIX/lib" libtcl8.6.a libtclstub8.6.a tclConfig.sh
install -D -m 644 -t "$OUT$PREFIX/lib/pkgconfig" tcl.pc
