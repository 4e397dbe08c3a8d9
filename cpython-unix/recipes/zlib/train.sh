# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is used by the scripts that read this one
# zlib's profile: an instrumented library packs and unpacks its own source and objects. Read by the builds of both kinds of
# library once they are configured; "profiled" is then how the compiler is called.
#
# One thread that does the same with the same bytes counts the same: unlike CPython's, this profile needs no keeping.
# docs/performance.rst says what it gives.
case $CC in
    *clang*)
        counting="$CC -fprofile-generate=/build/counts"
        make libz.a CC="$counting"
        # shellcheck disable=SC2086 # lists of words
        $counting $CFLAGS -I. /recipe/train.c libz.a -o /build/train
        /build/train ./*.c ./*.h ./*.o
        llvm-profdata merge --output=/build/zlib.profdata /build/counts
        make clean
        profiled="$CC -fprofile-use=/build/zlib.profdata"
        ;;
    # GCC has profiles of another kind; who wants its objects wants them plain.
    *) profiled=$CC ;;
esac
