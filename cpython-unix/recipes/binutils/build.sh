# shellcheck shell=bash
# binutils: assembler, linker and archiver of the GCC that is made after them, found by it in its own prefix. --with-sysroot
# makes the linker understand --sysroot, and look for what linker scripts name in there.
mkdir /build/obj
cd /build/obj
/build/src/configure --build="$BUILD" --host="$HOST" --target="$HOST" --prefix=/tools/gnu \
    --with-sysroot=/ --enable-deterministic-archives --enable-plugins --enable-default-hash-style=gnu \
    --disable-gdb --disable-gdbserver --disable-gold --disable-gprof --disable-gprofng --disable-multilib --disable-nls \
    --disable-shared --disable-sim --disable-werror --without-debuginfod --without-msgpack --without-zstd
# The release has its manuals, whose texts may be newer than what was made of them.
make MAKEINFO=true all
make MAKEINFO=true install-strip DESTDIR="$OUT"
rm -rf "$OUT"/tools/gnu/share "$OUT"/tools/gnu/include "$OUT"/tools/gnu/lib
