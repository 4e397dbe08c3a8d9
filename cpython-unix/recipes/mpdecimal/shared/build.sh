# shellcheck shell=bash
. /recipe/shared.sh
build_with --disable-shared --disable-static
keep_libraries
