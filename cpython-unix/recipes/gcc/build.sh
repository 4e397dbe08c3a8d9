# shellcheck shell=bash
# GCC: C and C++, for the sysroot of the oldest supported C library. Compiled once, by the root filesystem's GCC: what it is
# there for is to compile Clang, and a compiler that is compiled by another gives the same code.
#
# ccache keeps what was compiled: an interrupted build begins anew and compiles only what is missing.
mkdir -p /resume/ccache
export CCACHE_DIR=/resume/ccache CCACHE_NOHASHDIR=1 CCACHE_NOCOMPRESS=1 CCACHE_MAXSIZE=20G CCACHE_COMPILERCHECK=content

# Debian's archive holds the release in another one, without the manuals.
if inner=$(ls ./gcc-*.tar.xz 2> /dev/null); then
    tar -x -f "$inner" --strip-components=1 --no-same-owner --no-same-permissions
    rm ./*.tar.xz
    find . -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
fi

# Everything static, and nothing for debuggers, sanitizers, other languages: Clang links libstdc++ statically.
mkdir /build/obj
cd /build/obj
/build/src/configure --build="$BUILD" --host="$HOST" --target="$HOST" --prefix=/tools/gnu \
    CC="ccache $CC" CXX="ccache $CXX" CFLAGS="$CFLAGS" CXXFLAGS="$CXXFLAGS" \
    --enable-languages=c,c++ --disable-bootstrap --disable-multilib --enable-multiarch \
    --with-sysroot=/tools/sysroot --with-glibc-version="$GLIBC_FLOOR" --with-native-system-header-dir=/usr/include \
    --with-gmp="$PREFIX" --with-mpfr="$PREFIX" --with-mpc="$PREFIX" --with-isl="$PREFIX" \
    --enable-checking=release --enable-default-pie --enable-__cxa_atexit --enable-lto --enable-plugin=no \
    --enable-threads=posix --enable-tls --disable-shared \
    --disable-fixincludes --disable-gcov --disable-libatomic --disable-libgomp --disable-libitm --disable-libquadmath \
    --disable-libsanitizer --disable-libssp --disable-libstdcxx-pch --disable-libvtv --disable-nls --disable-werror \
    --without-zstd
# s-tm-texi makes a chapter of the manual, from a text that is not there, to compare it; its stamp says that it was done,
# whatever is compiled before it.
make MAKEINFO=true configure-gcc
touch --date=2100-01-01 gcc/s-tm-texi
make MAKEINFO=true all
make MAKEINFO=true install-strip DESTDIR="$OUT"
rm -rf "$OUT"/tools/gnu/share
