# shellcheck shell=bash
# The objects of the static library, as a shared one with upstream's symbol versions.
. /recipe/shared.sh
. /recipe/static.sh
# shellcheck disable=SC2086 # lists of words
$CC $CFLAGS $LDFLAGS -shared -Wl,-soname,libuuid.so.1 -Wl,--version-script=libuuid/src/libuuid.sym ./*.o \
    -o "$OUT$PREFIX/lib/libuuid.so.1" -lpthread
keep_libraries
