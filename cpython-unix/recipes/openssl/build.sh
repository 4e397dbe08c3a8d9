# OpenSSL: libcrypto and libssl with assembler, everything compiled in (no modules to be found at run time).
# /etc/ssl is the directory that most distributions keep their certificates and openssl.cnf in.
./Configure linux-x86_64 --prefix="$PREFIX" --libdir=lib --openssldir=/etc/ssl \
    no-shared no-module no-apps no-tests no-docs enable-ec_nistp_64_gcc_128 \
    CFLAGS="$CFLAGS" CPPFLAGS= LDFLAGS=
make build_libs
make install_dev DESTDIR="$OUT"
