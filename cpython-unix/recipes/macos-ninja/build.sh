# shellcheck shell=bash
# macos-ninja: what builds LLVM, compiled by the Command Line Tools' Clang.
CXX="$CLANGXX -isysroot $SDK --target=$DARWIN_ARCH-apple-macosx$MACOSX_DEPLOYMENT_TARGET" CFLAGS=$CFLAGS LDFLAGS='' \
    python3 configure.py --bootstrap
strip ninja
place 755 "$OUT/tools/host/bin" ninja
