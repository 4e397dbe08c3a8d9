# shellcheck shell=bash
# The one object of the static library, as a shared one. The soname is upstream's and every distribution's.
. /recipe/shared.sh
. /recipe/static.sh
# shellcheck disable=SC2086 # lists of words
$CC $CFLAGS $LDFLAGS -shared -Wl,-soname,libsqlite3.so.0 sqlite3.o -o "$OUT$PREFIX/lib/libsqlite3.so.0" -lm -ldl -lpthread
keep_libraries
