# shellcheck shell=bash
# GMP: the static library that GCC computes with. Debian's copy of the source lacks the manual, and configure its Makefile.
if [ ! -e doc/Makefile.in ]; then
    mkdir -p doc
    echo 'all install clean check:' > doc/Makefile.in
fi
# --host: without it, the code would be chosen for the processor of the machine that builds.
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" --disable-shared --enable-static
make
make install DESTDIR="$OUT"
rm -rf "$OUT$PREFIX/share" "$OUT$PREFIX/lib/pkgconfig"
