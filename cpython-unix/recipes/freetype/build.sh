# shellcheck shell=bash
# FreeType: draws the glyphs. Compressed bitmap fonts are read with our zlib; no other library is used.
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --disable-shared --with-zlib=yes --with-bzip2=no --with-png=no --with-harfbuzz=no --with-brotli=no \
    --with-librsvg=no CC_BUILD="$BUILD_CC"
make
make install DESTDIR="$OUT"
rm -r "$OUT$PREFIX"/lib/*.la "$OUT$PREFIX/share"
