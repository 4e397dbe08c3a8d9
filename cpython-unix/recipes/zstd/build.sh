# shellcheck shell=bash
# libzstd: compression, decompression and dictionary training. "-mt" makes the static library multi-threaded, which
# compression.zstd's nb_workers needs; formats of zstd before 1.0 are left out.
make -C lib libzstd.a-mt ZSTD_LEGACY_SUPPORT=0
make -C lib install-static install-includes install-pc PREFIX="$PREFIX" DESTDIR="$OUT" ZSTD_LEGACY_SUPPORT=0
