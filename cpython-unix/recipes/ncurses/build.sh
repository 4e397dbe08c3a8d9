# shellcheck shell=bash
# ncurses with wide characters, and panel. It reads the terminal descriptions of the system it runs on, wherever
# distributions keep them, and brings none of its own. Its first choice of archive flags would store times; whether poll
# works is asked of a pseudo-terminal, which not every environment has; whether the system has users, of the build's own
# /etc/passwd.
export cf_cv_ar_flags=-crD cf_cv_working_poll=yes cf_cv_multiuser=yes
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --with-build-cc="$BUILD_CC" --enable-widec --enable-overwrite --enable-pc-files \
    --with-pkg-config-libdir="$PREFIX/lib/pkgconfig" \
    --with-terminfo-dirs=/etc/terminfo:/lib/terminfo:/usr/share/terminfo:/usr/lib/terminfo:/usr/local/share/terminfo \
    --with-default-terminfo-dir=/usr/share/terminfo --disable-db-install \
    --disable-setuid-environ --without-shared --without-debug --without-ada --without-cxx --without-cxx-binding \
    --without-manpages --without-tests --without-progs
# Its menus and forms are not used.
make -C include
make -C ncurses
make -C panel
make -C misc pc-files
install -D -m 644 -t "$OUT$PREFIX/lib" lib/libncursesw.a lib/libpanelw.a
install -D -m 644 -t "$OUT$PREFIX/lib/pkgconfig" misc/ncursesw.pc misc/panelw.pc
install -D -m 644 -t "$OUT$PREFIX/include" include/{curses,ncurses_dll,term,termcap,unctrl}.h panel/panel.h
ln -s curses.h "$OUT$PREFIX/include/ncurses.h"
