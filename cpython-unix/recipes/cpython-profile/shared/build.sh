# shellcheck shell=bash
# The ordinary training with shared libraries of some dependencies: its programs look for them where they are.
make() {
    command make "$@" "LINKCC=$LINKCC -Wl,-rpath,$PREFIX/lib"
}

. /recipe/static.sh
