# shellcheck shell=bash
# OpenSSL: libcrypto and libssl with assembler; the legacy provider is built in, no module is looked for at run time.
# /etc/ssl is where most distributions keep their certificates and openssl.cnf. Left out is what only C programs can
# ask for: the CMP, CMS and time stamp protocols, DTLS, QUIC. Engines and providers that somebody asks for by name are
# looked for in a directory that no distribution uses: the system's belong to the system's own OpenSSL.
unset CPPFLAGS LDFLAGS
# The library tells everybody how it was compiled (OpenSSL_version(OPENSSL_CFLAGS)): not by whom.
edit crypto/build.info 's/mkbuildinf\.pl "$(CC) /mkbuildinf.pl "cc /'
# The generators of this assembler only know from GNU's that it understands AVX-512; the library asks the processor for
# it when it runs.
for cipher in chacha poly1305; do
    generator=crypto/$cipher/asm/$cipher-x86_64.pl
    edit "$generator" 's/\$avx = (\$2>=3\.0) + (\$2>3\.0);/$avx = 3;/'
done
case $TARGET_TRIPLE in
    x86_64-*-linux-*) system=linux-x86_64 ;;
    x86_64-apple-darwin) system=darwin64-x86_64-cc ;;
    aarch64-apple-darwin) system=darwin64-arm64-cc ;;
    *) echo "TARGET_TRIPLE: OpenSSL's name of $TARGET_TRIPLE is not known here" >&2; exit 1 ;;
esac
./Configure "$system" --prefix="$PREFIX" --libdir=lib --openssldir=/etc/ssl \
    no-shared no-module no-apps no-tests no-docs enable-ec_nistp_64_gcc_128 no-cmp no-cms no-dtls no-quic no-ts \
    CFLAGS="$CFLAGS"
make build_libs ENGINESDIR=/etc/ssl/engines MODULESDIR=/etc/ssl/modules
make install_dev DESTDIR="$OUT"
rm -r "$OUT$PREFIX/lib/cmake"
