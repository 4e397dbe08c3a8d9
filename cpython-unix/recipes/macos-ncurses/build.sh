# shellcheck shell=bash
# macos-ncurses: stands in for the SDK's libncurses and libpanel where there is no SDK. macOS has ncurses 5.4's interface
# with wide characters; this is a newer ncurses with that interface, and nothing of it gets into a program: it is linked
# with as a library of the system, by the names and versions of macOS'.
# A header that only the SDK has: the speeds of terminals as the oldest programs count them.
mkdir -p "$STEP_BUILD/sdk/sys"
number=0
for speed in B0 B50 B75 B110 B134 B150 B200 B300 B600 B1200 B1800 B2400 B4800 B9600 EXTA EXTB; do
    echo "#define $speed $number"
    number=$((number + 1))
done > "$STEP_BUILD/sdk/sys/ttydev.h"
export CPPFLAGS=-I$STEP_BUILD/sdk
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" --with-build-cc="$BUILD_CC" \
    --with-abi-version=5 --enable-widec --enable-overwrite --disable-db-install --disable-ext-colors \
    --without-shared --without-debug --without-ada --without-cxx --without-cxx-binding --without-manpages --without-tests \
    --without-progs
make -C include
make -C ncurses
make -C panel
lib=$OUT/tools/sdk/usr/lib
mkdir -p "$lib"
# as_library NAME ARCHIVE LIBRARY...
as_library() {
    local name=$1 archive=$2
    shift 2
    $CC -dynamiclib -install_name "/usr/lib/lib$name.5.4.dylib" -compatibility_version 5.4 -current_version 5.4 \
        -Wl,-all_load "lib/$archive" "$@" -o "$lib/lib$name.5.4.dylib"
    ln -s "lib$name.5.4.dylib" "$lib/lib$name.dylib"
}
as_library ncurses libncursesw.a
as_library panel libpanelw.a "-L$lib" -lncurses
place 644 "$OUT/tools/sdk/usr/include" include/{curses,ncurses_dll,term,termcap,unctrl}.h panel/panel.h
ln -s curses.h "$OUT/tools/sdk/usr/include/ncurses.h"
