# shellcheck shell=bash
# liblzma of xz: the library only, none of its programs.
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --disable-shared --disable-dependency-tracking --disable-nls --disable-doc --disable-scripts \
    --disable-xz --disable-xzdec --disable-lzmadec --disable-lzmainfo --disable-lzma-links
make -C src/liblzma install DESTDIR="$OUT"
rm "$OUT$PREFIX"/lib/*.la
