# shellcheck shell=bash
# libzstd, multi-threaded as the static one.
. /recipe/shared.sh
make -C lib libzstd-mt ZSTD_LEGACY_SUPPORT=0
make -C lib install-shared install-includes install-pc PREFIX="$PREFIX" DESTDIR="$OUT" ZSTD_LEGACY_SUPPORT=0
keep_libraries
