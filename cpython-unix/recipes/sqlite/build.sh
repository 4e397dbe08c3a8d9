# shellcheck shell=bash
# SQLite with what distributions and users of the sqlite3 module expect. Its configure is not needed: the generated
# amalgamation is one file, and the C library functions it may use are the same on every Linux, and on every macOS.
options="
    -DSQLITE_ENABLE_COLUMN_METADATA
    -DSQLITE_ENABLE_DBSTAT_VTAB
    -DSQLITE_ENABLE_FTS3
    -DSQLITE_ENABLE_FTS3_PARENTHESIS
    -DSQLITE_ENABLE_FTS3_TOKENIZER
    -DSQLITE_ENABLE_FTS4
    -DSQLITE_ENABLE_FTS5
    -DSQLITE_ENABLE_GEOPOLY
    -DSQLITE_ENABLE_MATH_FUNCTIONS
    -DSQLITE_ENABLE_PREUPDATE_HOOK
    -DSQLITE_ENABLE_RTREE
    -DSQLITE_ENABLE_SESSION
    -DSQLITE_ENABLE_STAT4
    -DSQLITE_ENABLE_UNLOCK_NOTIFY
    -DSQLITE_ENABLE_UPDATE_DELETE_LIMIT
    -DSQLITE_MAX_VARIABLE_NUMBER=250000
    -DSQLITE_SECURE_DELETE
    -DSQLITE_SOUNDEX
    -DSQLITE_THREADSAFE=1
    -DSQLITE_USE_URI
"
functions="
    -DHAVE_GMTIME_R -DHAVE_ISNAN -DHAVE_LOCALTIME_R -DHAVE_PREAD -DHAVE_PWRITE -DHAVE_STRERROR_R -DHAVE_USLEEP
    -DHAVE_UTIME -DHAVE_INTTYPES_H -DHAVE_STDINT_H
"
case $TARGET_TRIPLE in
    *-linux-*) functions="$functions -DHAVE_FDATASYNC -DHAVE_MALLOC_USABLE_SIZE -DHAVE_STRCHRNUL -DHAVE_MALLOC_H" ;;
esac
options=${options//$'\n'/ }  # on one line: it goes through a makefile
version=$(cat VERSION)

# The generators (a parser generator among them) run here, so they are made by the native compiler. The second spelling
# of some variables is that of SQLite before 3.48.
touch sqlite_cfg.h
make -f main.mk TOP=. PACKAGE_VERSION="$version" B.cc="$BUILD_CC" BCC="$BUILD_CC" B.tclsh=tclsh TCLSH_CMD=tclsh \
    OPT_FEATURE_FLAGS="$options" OPTS="$options" sqlite3.c sqlite3.h

# shellcheck disable=SC2086 # lists of words
$CC $CFLAGS $options $functions -c sqlite3.c -o sqlite3.o
mkdir -p "$OUT$PREFIX/lib/pkgconfig"
$AR rc "$OUT$PREFIX/lib/libsqlite3.a" sqlite3.o
place 644 "$OUT$PREFIX/include" sqlite3.h src/sqlite3ext.h
# shellcheck disable=SC2016 # pkg-config's variables
sed -e "s#@prefix@#$PREFIX#" -e 's#@exec_prefix@#${prefix}#' -e 's#@libdir@#${prefix}/lib#' \
    -e 's#@includedir@#${prefix}/include#' -e "s#@[A-Z_]*VERSION@#$version#" -e "s#@RELEASE@#$version#" \
    -e 's#^Libs.private:.*#Libs.private: -lm -ldl -lpthread#' \
    sqlite3.pc.in > "$OUT$PREFIX/lib/pkgconfig/sqlite3.pc"
