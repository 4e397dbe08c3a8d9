# ncurses with wide characters. It reads the terminal descriptions of the system it runs on, wherever distributions
# keep them, and brings none of its own. Its first choice of archive flags would store times; whether poll works is asked
# of a pseudo-terminal, which not every environment has; whether the system has users, of the build's own /etc/passwd.
export cf_cv_ar_flags=-crD cf_cv_working_poll=yes cf_cv_multiuser=yes
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --with-build-cc="$BUILD_CC" --enable-widec --enable-overwrite --enable-pc-files \
    --with-pkg-config-libdir="$PREFIX/lib/pkgconfig" \
    --with-terminfo-dirs=/etc/terminfo:/lib/terminfo:/usr/share/terminfo:/usr/lib/terminfo:/usr/local/share/terminfo \
    --with-default-terminfo-dir=/usr/share/terminfo --disable-db-install \
    --disable-setuid-environ --without-shared --without-debug --without-ada --without-cxx --without-cxx-binding \
    --without-manpages --without-tests --without-progs
make libs
make install.libs install.includes DESTDIR="$OUT"
