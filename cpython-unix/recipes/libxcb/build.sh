# shellcheck shell=bash
# libxcb: the core of the X11 protocol. Its libraries for protocol extensions are not used by Xlib or Tk.
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --disable-shared --disable-dependency-tracking --disable-devel-docs --without-doxygen
make -C src xproto.c bigreq.c xc_misc.c
make -C src libxcb.la
install -D -m 644 -t "$OUT$PREFIX/lib" src/.libs/libxcb.a
install -D -m 644 -t "$OUT$PREFIX/lib/pkgconfig" xcb.pc
install -D -m 644 -t "$OUT$PREFIX/include/xcb" src/{xcb,xcbext,xproto,bigreq,xc_misc}.h
