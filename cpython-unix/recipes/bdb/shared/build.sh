# shellcheck shell=bash
# Berkeley DB as a shared library, which is called by its series; build.sh tells of the rest.
. /recipe/shared.sh
sed -i 's/__atomic_compare_exchange/__atomic_compare_exchange_db/g' src/dbinc/atomic.h
cp /usr/share/misc/config.guess /usr/share/misc/config.sub dist/
cd build_unix || exit
CFLAGS="$CFLAGS -std=gnu89 -Wno-implicit-function-declaration -Wno-implicit-int -Wno-int-conversion" \
    ../dist/configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --disable-static --enable-smallbuild --enable-hash --enable-dbm --with-mutex=POSIX/pthreads/library
library=${SONAMES#*=}
make "${library%.so}.la"
install -D -m 755 -t "$OUT$PREFIX/lib" ".libs/$library"
install -D -m 644 -t "$OUT$PREFIX/include" db.h
keep_libraries
