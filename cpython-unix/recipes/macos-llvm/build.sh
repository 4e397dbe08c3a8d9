# shellcheck shell=bash
# macos-llvm: Clang, lld, the binary tools and libLTO, for the oldest macOS that is promised, with the system's libc++.
# STAGE 1 is compiled by the Command Line Tools' Clang (CLANG, CLANGXX), a later one by the Clang of the stage before it.
#
# What an interrupted run leaves is source and build directory together: the build directory names the source's place,
# and STEP_BUILD is another one in every run. ninja takes only what changed for changed, and the source has the same times
# in every run.
src=$STEP_RESUME/src obj=$STEP_RESUME/llvm
series=${SOURCE_VERSION%%.*}
case $DARWIN_ARCH in
    x86_64) backend=X86 ;;
    arm64) backend=AArch64 ;;
    *) echo "no LLVM back end is known for $DARWIN_ARCH" >&2; exit 1 ;;
esac
if [ ! -e "$src" ]; then # it is whole: it gets its name last
    rm -rf "$src.moving"
    mv "$STEP_BUILD/src" "$src.moving"
    mv "$src.moving" "$src"
    ln -s "$src" "$STEP_BUILD/src" # for driver.sh, which reads the licences
fi
# CMake calls a directory by the link that it was started in.
cd "$STEP_RESUME"

if [ "$STAGE" -gt 1 ]; then
    CLANG=$STEP_TOOLS/llvm/bin/clang CLANGXX=$STEP_TOOLS/llvm/bin/clang++
fi
# Two stages lie in two places, and have to be the same.
flags="$CFLAGS -ffile-prefix-map=$src=. -ffile-prefix-map=$obj=obj"

# Only what builds a CPython, and no more: no analyser, no other processors, no plug-ins, no tests.
tools='clang;clang-resource-headers;lld;LTO;llvm-ar;llvm-nm;llvm-objcopy;llvm-objdump;llvm-profdata;llvm-ranlib'
tools="$tools;llvm-readobj;llvm-size;llvm-strip"
triple=$DARWIN_ARCH-apple-macosx$MACOSX_DEPLOYMENT_TARGET
host=$STEP_TOOLS/host/bin
if [ ! -e "$obj/build.ninja" ]; then
    rm -rf "$obj"
    # CMAKE_IGNORE_PREFIX_PATH: what package managers have installed is none of its business.
    "$host/cmake" -G Ninja -S "$src/llvm" -B "$obj" \
        -DCMAKE_MAKE_PROGRAM="$host/ninja" -DPython3_EXECUTABLE="$(command -v python3)" \
        -DCMAKE_IGNORE_PREFIX_PATH='/opt/homebrew;/opt/local;/usr/local' \
        -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$PREFIX" \
        -DCMAKE_C_COMPILER="$CLANG" -DCMAKE_CXX_COMPILER="$CLANGXX" -DCMAKE_ASM_COMPILER="$CLANG" \
        -DCMAKE_OSX_SYSROOT="$SDK" -DCMAKE_OSX_ARCHITECTURES="$DARWIN_ARCH" \
        -DCMAKE_OSX_DEPLOYMENT_TARGET="$MACOSX_DEPLOYMENT_TARGET" \
        -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" \
        -DCMAKE_C_FLAGS_RELEASE=-DNDEBUG -DCMAKE_CXX_FLAGS_RELEASE=-DNDEBUG \
        -DLLVM_ENABLE_PROJECTS='clang;lld' -DLLVM_TARGETS_TO_BUILD=$backend \
        -DLLVM_DEFAULT_TARGET_TRIPLE="$triple" -DLLVM_HOST_TRIPLE="$triple" \
        -DLLVM_DISTRIBUTION_COMPONENTS="$tools" \
        -DLLVM_PARALLEL_LINK_JOBS=1 -DLLVM_ENABLE_ASSERTIONS=OFF -DLLVM_ENABLE_BINDINGS=OFF -DLLVM_ENABLE_PLUGINS=OFF \
        -DLLVM_APPEND_VC_REV=OFF -DLLVM_ENABLE_CURL=OFF -DLLVM_ENABLE_FFI=OFF -DLLVM_ENABLE_HTTPLIB=OFF \
        -DLLVM_ENABLE_LIBEDIT=OFF -DLLVM_ENABLE_LIBPFM=OFF -DLLVM_ENABLE_LIBXML2=OFF -DLLVM_ENABLE_OCAMLDOC=OFF \
        -DLLVM_ENABLE_Z3_SOLVER=OFF -DLLVM_ENABLE_ZLIB=OFF -DLLVM_ENABLE_ZSTD=OFF -DLLVM_INCLUDE_BENCHMARKS=OFF \
        -DLLVM_INCLUDE_DOCS=OFF -DLLVM_INCLUDE_EXAMPLES=OFF -DLLVM_INCLUDE_TESTS=OFF -DLLVM_INCLUDE_UTILS=OFF \
        -DCLANG_ENABLE_ARCMT=OFF -DCLANG_ENABLE_STATIC_ANALYZER=OFF -DCLANG_INCLUDE_TESTS=OFF \
        -DCLANG_PLUGIN_SUPPORT=OFF -DCLANG_RESOURCE_DIR="../lib/clang/$series"
fi
"$host/ninja" -j "$JOBS" -C "$obj" distribution
DESTDIR=$OUT "$host/ninja" -C "$obj" install-distribution-stripped
