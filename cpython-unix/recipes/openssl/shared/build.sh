# shellcheck shell=bash
# Upstream's shared libraries, with its symbol versions and the features of the static ones. Its makefile compiles every
# file a second time for static libraries, which are not wanted.
. /recipe/shared.sh
make() {
    command make "$@" LIBS= INSTALL_LIBS=
}
build_with no-shared shared
keep_libraries
