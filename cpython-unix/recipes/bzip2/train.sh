# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is used by the scripts that read this one
# bzip2's profile: an instrumented library packs and unpacks its own source and samples. Read by the builds of both kinds
# of library; "profiled" is then how the compiler is called. zlib's train.sh says why the profile is the same each time.
flags="$CFLAGS -D_FILE_OFFSET_BITS=64"
case $CC-$BUILD in
    *clang*-"$HOST")
        counting="$CC -fprofile-generate=$STEP_BUILD/counts"
        make libbz2.a CC="$counting" AR="$AR" RANLIB="$RANLIB" CFLAGS="$flags"
        # shellcheck disable=SC2086 # lists of words
        $counting $flags -I. "$STEP_RECIPE/train.c" libbz2.a -o "$STEP_BUILD/train"
        "$STEP_BUILD/train" ./*.c ./sample*.ref ./*.o
        ${LLVM_PROFDATA:-llvm-profdata} merge --output="$STEP_BUILD/bzip2.profdata" "$STEP_BUILD/counts"
        rm ./*.o libbz2.a
        profiled="$CC -fprofile-use=$STEP_BUILD/bzip2.profdata"
        ;;
    # GCC has profiles of another kind; who wants its objects wants them plain. What is compiled for another system cannot
    # be run.
    *) profiled=$CC ;;
esac
