# shellcheck shell=bash
# Tk on X11, with fonts by Xft; on macOS on its own windows (Aqua). Its demonstrations are left out.
# configure asks for "pkg-config", which has to answer for static libraries.
mkdir -p "$STEP_BUILD/bin"
printf '#!/bin/sh\nexec %s "$@"\n' "$PKG_CONFIG" > "$STEP_BUILD/bin/pkg-config"
chmod +x "$STEP_BUILD/bin/pkg-config"
export PATH=$STEP_BUILD/bin:$PATH

cd unix || exit
case $TARGET_TRIPLE in
    *-apple-darwin) windows=(--enable-aqua) uses=MAC_OSX_TK ;;
    *) windows=(--enable-xft --disable-xss --x-includes="$DEPS/include" --x-libraries="$DEPS/lib") uses=HAVE_XFT ;;
esac
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" --disable-shared --with-tcl="$DEPS/lib" "${windows[@]}"
grep -q "$uses" Makefile   # configure only warns when it cannot use Xft
make libtk8.6.a libtkstub8.6.a
make install-libraries install-headers INSTALL_ROOT="$OUT"
rm "$OUT$PREFIX/lib/tk8.6/tkAppInit.c"
place 644 "$OUT$PREFIX/lib" libtk8.6.a libtkstub8.6.a
place 644 "$OUT$PREFIX/lib/pkgconfig" tk.pc
