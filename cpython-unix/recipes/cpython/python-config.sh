#!/bin/sh
# What a compiler and a linker have to be told about this Python, found from where this file is. Installed as
# python3.X-config; relocate.py fills in what stands between at signs.
#
# In paths, what is special to a shell is escaped with a backslash, as pkg-config does: where the installation's path
# holds a space, say  eval "cc $(python3-config --cflags) …".

prefix=$(dirname -- "$(dirname -- "$(realpath -- "$0")")")

usage() {
    echo "Usage: $0 --prefix|--exec-prefix|--includes|--libs|--cflags|--ldflags|--extension-suffix|--help|--abiflags|--configdir|--embed"
    exit "$1"
}

[ $# -gt 0 ] || usage 1 >&2
libs='@LIBS@'
for argument in "$@"; do
    case $argument in
        --help) usage 0 ;;
        --embed) libs='-lpython@LDVERSION@ @LIBS@' ;;
        --prefix | --exec-prefix | --includes | --libs | --cflags | --ldflags | --extension-suffix | --abiflags | --configdir) ;;
        *) usage 1 >&2 ;;
    esac
done

escaped=$(printf '%s\n' "$prefix" | LC_ALL=C sed 's/[][[:space:]!"#$&'\''()*;<>?\\`{|}~]/\\&/g')
includes=-I$escaped/include/python@LDVERSION@
for argument in "$@"; do
    case $argument in
        --prefix | --exec-prefix) printf '%s\n' "$prefix" ;;
        --includes) printf '%s\n' "$includes" ;;
        --cflags) printf '%s\n' "$includes @CFLAGS@" ;;
        --libs) printf '%s\n' "$libs" ;;
        --ldflags) printf '%s\n' "-L$escaped/lib $libs" ;;
        --extension-suffix) echo '@EXT_SUFFIX@' ;;
        --abiflags) echo '@ABIFLAGS@' ;;
        --configdir) printf '%s\n' "$prefix/@LIBPL@" ;;
    esac
done
