# shellcheck shell=bash
# compiler-rt: the runtime that counts for profiles, and the helpers of generated code; by the Clang that will link them,
# into its own directory.
llvm=/tools/llvm/bin
series=${SOURCE_VERSION%%.*}
flags="--sysroot=/tools/sysroot -O2"
arguments=()
for language in C CXX ASM; do
    arguments+=("-DCMAKE_${language}_COMPILER_TARGET=$TARGET_TRIPLE" "-DCMAKE_${language}_FLAGS=$flags")
done
for part in CTX_PROFILE GWP_ASAN LIBFUZZER MEMPROF ORC SANITIZERS XRAY; do
    arguments+=("-DCOMPILER_RT_BUILD_$part=OFF")
done
# CMAKE_TRY_COMPILE_TARGET_TYPE: whether a program can be linked says nothing here, where a part of that is made.
cmake -G Ninja -S /build/src/compiler-rt -B /build/obj "${arguments[@]}" \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/tools/llvm -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY \
    -DCMAKE_C_COMPILER=$llvm/clang -DCMAKE_CXX_COMPILER=$llvm/clang++ -DCMAKE_ASM_COMPILER=$llvm/clang \
    -DCMAKE_AR=$llvm/llvm-ar -DCMAKE_RANLIB=$llvm/llvm-ranlib -DCMAKE_NM=$llvm/llvm-nm \
    -DCOMPILER_RT_INSTALL_PATH="/tools/llvm/lib/clang/$series" -DCOMPILER_RT_DEFAULT_TARGET_ONLY=ON \
    -DCOMPILER_RT_INCLUDE_TESTS=OFF -DCOMPILER_RT_BUILD_BUILTINS=ON -DCOMPILER_RT_BUILD_PROFILE=ON
ninja -C /build/obj
DESTDIR=$OUT ninja -C /build/obj install
