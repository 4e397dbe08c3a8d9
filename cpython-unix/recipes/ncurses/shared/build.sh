# shellcheck shell=bash
# ncurses makes shared libraries beside the static ones. libncurses.so is what libedit's configure looks for.
. /recipe/shared.sh
build_with --without-shared --with-shared
cp -a lib/libncursesw.so* lib/libpanelw.so* "$OUT$PREFIX/lib/"
keep_libraries
ln -s libncursesw.so.6 "$OUT$PREFIX/lib/libncurses.so"
