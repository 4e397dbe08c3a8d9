# shellcheck shell=bash
# build-python: a Python of the version that is built, for the machine that builds; what CPython's own make runs where the
# Python that it compiles cannot be run. No more of it than that.
unset CPPFLAGS CXXFLAGS LDFLAGS
export CC=$BUILD_CC CFLAGS=-O1 MACOSX_DEPLOYMENT_TARGET=
./configure --build="$BUILD" --host="$BUILD" --prefix=/tools/build-python --with-ensurepip=no --disable-test-modules
make
make -o all libinstall PYTHON_FOR_BUILD=true DESTDIR="$OUT" # byte code would be used once
make -o all -o libinstall install DESTDIR="$OUT"
