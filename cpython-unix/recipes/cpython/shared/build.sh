# shellcheck shell=bash
# CPython with shared libraries of some dependencies: the ordinary build, whose programs look for them in ../lib and whose
# libpython does beside itself. That is said on make's command line and nowhere else: nothing that is installed repeats
# it to people who compile extensions.
#
#   SONAMES   the libraries' files
make() {
    command make "$@" "LINKCC=$LINKCC -Wl,-rpath,'\$\$ORIGIN/../lib'" "SHLIBS=\$(LIBS) -Wl,-rpath,'\$\$ORIGIN'"
}

# The interpreter is run here where it is built and where it is installed; the libraries are put beside it by whoever
# assembles the distribution, or are the system's.
ln -s "$PREFIX/lib" /build/lib
mkdir -p "$OUT/install/lib"
for soname in $SONAMES; do
    ln -s "$PREFIX/lib/$soname" "$OUT/install/lib/$soname"
done
. /recipe/static.sh
for soname in $SONAMES; do
    rm "$OUT/install/lib/$soname"
done
