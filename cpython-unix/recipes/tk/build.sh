# shellcheck shell=bash
# Tk on X11, with fonts by Xft. Its demonstrations are left out.
# configure asks for "pkg-config", which has to answer for static libraries.
mkdir -p /build/bin
printf '#!/bin/sh\nexec %s "$@"\n' "$PKG_CONFIG" > /build/bin/pkg-config
chmod +x /build/bin/pkg-config
export PATH=/build/bin:$PATH

cd unix || exit
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" --disable-shared --with-tcl="$PREFIX/lib" \
    --enable-xft --disable-xss --x-includes="$PREFIX/include" --x-libraries="$PREFIX/lib"
grep -q HAVE_XFT Makefile   # configure only warns when it cannot use Xft
make libtk8.6.a libtkstub8.6.a
make install-libraries install-headers INSTALL_ROOT="$OUT"
rm "$OUT$PREFIX/lib/tk8.6/tkAppInit.c"
install -D -m 644 -t "$OUT$PREFIX/lib" libtk8.6.a libtkstub8.6.a
install -D -m 644 -t "$OUT$PREFIX/lib/pkgconfig" tk.pc
