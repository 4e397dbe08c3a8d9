# shellcheck shell=bash
# liblzma of xz: the library only, none of its programs.
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --disable-shared --disable-dependency-tracking --disable-nls --disable-doc --disable-scripts \
    --disable-xz --disable-xzdec --disable-lzmadec --disable-lzmainfo --disable-lzma-links
# The checksums choose their code when they are first used, not whenever a program starts that has this library in it:
# asking the processor what it can do takes a virtual machine as long as importing a small module.
edit config.h '/HAVE_FUNC_ATTRIBUTE_CONSTRUCTOR/d'
make -C src/liblzma install DESTDIR="$OUT"
rm "$OUT$PREFIX"/lib/*.la
