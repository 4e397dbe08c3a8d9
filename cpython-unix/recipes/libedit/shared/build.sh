# shellcheck shell=bash
# libedit, which finds ncurses' shared library as libncurses.so.
. /recipe/shared.sh
build_with --disable-shared --disable-static
keep_libraries
