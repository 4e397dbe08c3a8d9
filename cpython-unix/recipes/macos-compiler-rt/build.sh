# shellcheck shell=bash
# macos-compiler-rt: the runtime that counts for profiles, and the helpers of generated code; by the Clang that will link
# them, into its own directory. For one processor and for macOS alone: left to itself it asks what else the machine has.
llvm=$STEP_TOOLS/llvm/bin host=$STEP_TOOLS/host/bin
src=$STEP_BUILD/src obj=$STEP_BUILD/obj
series=${SOURCE_VERSION%%.*}
# The flags of the build type: those of the language are forgotten for what only macOS' builtins have.
flags="-DNDEBUG -ffile-prefix-map=$src=. -ffile-prefix-map=$obj=obj"
arguments=()
for part in CTX_PROFILE GWP_ASAN LIBFUZZER MEMPROF ORC SANITIZERS XRAY; do
    arguments+=("-DCOMPILER_RT_BUILD_$part=OFF")
done
for system in IOS MACCATALYST TVOS WATCHOS XROS; do
    arguments+=("-DCOMPILER_RT_ENABLE_$system=OFF")
done
# CMAKE_TRY_COMPILE_TARGET_TYPE: whether a program can be linked says nothing here, where a part of that is made.
"$host/cmake" -G Ninja -S "$src/compiler-rt" -B "$obj" "${arguments[@]}" \
    -DCMAKE_MAKE_PROGRAM="$host/ninja" -DPython3_EXECUTABLE="$(command -v python3)" \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$PREFIX" -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY \
    -DCMAKE_C_COMPILER="$llvm/clang" -DCMAKE_CXX_COMPILER="$llvm/clang++" -DCMAKE_ASM_COMPILER="$llvm/clang" \
    -DCMAKE_C_FLAGS="$CFLAGS" -DCMAKE_CXX_FLAGS="$CFLAGS" -DCMAKE_ASM_FLAGS="$CFLAGS" \
    -DCMAKE_C_FLAGS_RELEASE="$flags" -DCMAKE_CXX_FLAGS_RELEASE="$flags" -DCMAKE_ASM_FLAGS_RELEASE="$flags" \
    -DCMAKE_AR="$llvm/llvm-ar" -DCMAKE_RANLIB="$llvm/llvm-ranlib" -DCMAKE_NM="$llvm/llvm-nm" \
    -DCMAKE_OSX_SYSROOT="$SDK" -DCMAKE_OSX_ARCHITECTURES="$DARWIN_ARCH" \
    -DCMAKE_OSX_DEPLOYMENT_TARGET="$MACOSX_DEPLOYMENT_TARGET" \
    -DDARWIN_macosx_CACHED_SYSROOT="$SDK" -DDARWIN_macosx_OVERRIDE_SDK_VERSION="$SDK_VERSION" \
    -DDARWIN_osx_ARCHS="$DARWIN_ARCH" -DDARWIN_osx_BUILTIN_ARCHS="$DARWIN_ARCH" -DDARWIN_osx_SKIP_CC_KEXT=ON \
    -DCOMPILER_RT_INSTALL_PATH="$PREFIX/lib/clang/$series" -DCOMPILER_RT_INCLUDE_TESTS=OFF \
    -DCOMPILER_RT_BUILD_BUILTINS=ON -DCOMPILER_RT_BUILD_PROFILE=ON
"$host/ninja" -j "$JOBS" -C "$obj"
DESTDIR=$OUT "$host/ninja" -C "$obj" install
