# shellcheck shell=bash
# ncurses with wide characters, and panel. It reads the terminal descriptions of the system it runs on, wherever
# distributions keep them, and after those the ones that are made here (see terminals.txt and the patch). Its first choice
# of archive flags would store times; whether poll works is asked of a pseudo-terminal, which not every environment has;
# whether the system has users, of the build's own /etc/passwd.
export cf_cv_ar_flags=-crD cf_cv_working_poll=yes cf_cv_multiuser=yes

# The compiler of descriptions is needed on the machine that builds, whatever is built for.
mkdir /build/native
(
    unset CFLAGS CXXFLAGS CPPFLAGS LDFLAGS
    export CC="$BUILD_CC"
    cd /build/native
    ../src/configure --without-ada --without-cxx --without-cxx-binding --without-debug --without-manpages --without-tests \
        --disable-db-install --disable-stripping --enable-symlinks --disable-rpath
    make -C include
    make -C ncurses
    make -C progs tic
)

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

# The backspace key of xterm and rxvt sends DEL, as every Linux distribution has it. tic warns of numbers that only the
# older format cannot hold, for each of hundreds of terminals.
terminfo=$OUT$PREFIX/share/terminfo
mkdir -p "$terminfo"
XTERM_KBS=DEL datadir=/usr/share sh misc/gen_edit.sh > /build/edit.sed
sed -f /build/edit.sed -e '/^rxvt|/{n;s/^\t/\tkbs=^?, /}' misc/terminfo.src > /build/terminfo.src
cat /recipe/more.src >> /build/terminfo.src
/build/native/progs/tic -x -o "$terminfo" -e "$(grep -v '^#' /recipe/terminals.txt | tr -s ' \n' ',')" \
    /build/terminfo.src > /build/tic.log 2>&1 || { cat /build/tic.log; exit 1; }
for name in xterm xterm-256color screen screen-256color tmux tmux-256color linux vt100 ansi dumb rxvt; do
    [ -e "$terminfo/${name:0:1}/$name" ] || { echo "tic wrote no description of $name" >&2; exit 1; }
done
