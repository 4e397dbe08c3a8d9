# libuuid: the one library of util-linux that is wanted here.
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --disable-shared --disable-dependency-tracking --disable-nls --disable-all-programs --enable-libuuid \
    --disable-bash-completion --without-python --without-ncurses --without-ncursesw --without-systemd --without-udev
make libuuid.la libuuid/uuid.pc
install -D -m 644 .libs/libuuid.a "$OUT$PREFIX/lib/libuuid.a"
install -D -m 644 libuuid/src/uuid.h "$OUT$PREFIX/include/uuid/uuid.h"
install -D -m 644 libuuid/uuid.pc "$OUT$PREFIX/lib/pkgconfig/uuid.pc"
