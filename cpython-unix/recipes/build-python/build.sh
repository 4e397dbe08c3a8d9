# shellcheck shell=bash
# build-python: a Python of the version that is built, for the machine that builds; what runs where the Python that is
# compiled cannot be run: in CPython's own make, and to install pip, which is packed. No more of it than that.
#
#   ZLIB_ARCHIVE     name of zlib's archive in STEP_SOURCES
unset CPPFLAGS CXXFLAGS LDFLAGS
export CC=$BUILD_CC CFLAGS=-O1 MACOSX_DEPLOYMENT_TARGET=

zlib=$STEP_BUILD/zlib
mkdir "$zlib"
tar -x -f "$STEP_SOURCES/$ZLIB_ARCHIVE" -C "$zlib" --strip-components=1 --no-same-owner
(cd "$zlib" && CFLAGS="$CFLAGS -fPIC" ./configure --static && make libz.a)
export ZLIB_CFLAGS="-I$zlib" ZLIB_LIBS="-L$zlib -lz"

./configure --build="$BUILD" --host="$BUILD" --prefix=/tools/build-python --with-ensurepip=no --disable-test-modules
make
make -o all libinstall PYTHON_FOR_BUILD=true DESTDIR="$OUT" # byte code would be used once
make -o all -o libinstall install DESTDIR="$OUT"
"$OUT/tools/build-python/bin/python3" -c 'import zlib'
