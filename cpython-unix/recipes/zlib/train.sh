# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is used by the scripts that read this one
# zlib's profile: an instrumented library packs and unpacks its own source and objects. Read by the builds of both kinds of
# library once they are configured; "profiled" is then how the compiler is called.
#
# One thread that does the same with the same bytes counts the same: unlike CPython's, this profile needs no keeping.
# docs/performance.rst says what it gives.
case $CC-$BUILD in
    *clang*-"$HOST")
        counting="$CC -fprofile-generate=$STEP_BUILD/counts"
        make libz.a CC="$counting" AR="$AR" ARFLAGS=rc
        # shellcheck disable=SC2086 # lists of words
        $counting $CFLAGS -I. "$STEP_RECIPE/train.c" libz.a -o "$STEP_BUILD/train"
        "$STEP_BUILD/train" ./*.c ./*.h ./*.o
        ${LLVM_PROFDATA:-llvm-profdata} merge --output="$STEP_BUILD/zlib.profdata" "$STEP_BUILD/counts"
        make clean
        profiled="$CC -fprofile-use=$STEP_BUILD/zlib.profdata"
        ;;
    # GCC has profiles of another kind; who wants its objects wants them plain. What is compiled for another system cannot
    # be run.
    *) profiled=$CC ;;
esac
