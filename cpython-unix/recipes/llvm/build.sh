# shellcheck shell=bash
# LLVM: Clang, lld and the binary tools, static and for the sysroot's C library, so that they run wherever a distribution
# does. STAGE 1 is compiled by our GCC, a later one by the Clang of the stage before it.
#
# The build directory is kept by an interrupted run: ninja knows which of its files are whole.
obj=/resume/llvm
series=${SOURCE_VERSION%%.*}
case $TARGET_TRIPLE in
    x86_64-*) backend=X86 ;;
    aarch64-*) backend=AArch64 ;;
    *) echo "no LLVM back end is known for $TARGET_TRIPLE" >&2; exit 1 ;;
esac

# ninja takes only what changed for changed: the source has the same times in every run.
link_flags="-static-libstdc++ -static-libgcc -Wl,-z,relro,-z,now,-z,noexecstack"
if [ "$STAGE" -gt 1 ]; then
    gcc_directory=$(dirname "$(gcc -print-libgcc-file-name)")
    library_directory=$(dirname "$(g++ -print-file-name=libstdc++.a)")
    CC=/tools/llvm/bin/clang CXX=/tools/llvm/bin/clang++
    where="--target=$TARGET_TRIPLE --sysroot=/tools/sysroot --gcc-install-dir=$gcc_directory"
    CFLAGS+=" $where" CXXFLAGS+=" $where"
    # Clang looks for our GCC's libstdc++ in the sysroot only, and for the unwinder, which is in its libgcc.a, in a library
    # of its own. GNU ld: the debug information in these is compressed, which our lld has no zlib for.
    link_flags+=" -L$library_directory --unwindlib=none"
fi

# Only what builds a CPython, and no more: no analyser, no other processors, no plug-ins, no tests.
tools=(clang clang-resource-headers lld llvm-ar llvm-nm llvm-objcopy llvm-objdump llvm-profdata llvm-ranlib llvm-readelf
    llvm-readobj llvm-size llvm-strip)
if [ ! -e $obj/build.ninja ]; then
    rm -rf $obj
    cmake -G Ninja -S /build/src/llvm -B $obj \
        -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/tools/llvm \
        -DCMAKE_C_COMPILER="$CC" -DCMAKE_CXX_COMPILER="$CXX" -DCMAKE_ASM_COMPILER="$CC" \
        -DCMAKE_C_FLAGS="$CFLAGS" -DCMAKE_CXX_FLAGS="$CXXFLAGS" \
        -DCMAKE_C_FLAGS_RELEASE=-DNDEBUG -DCMAKE_CXX_FLAGS_RELEASE=-DNDEBUG \
        -DCMAKE_EXE_LINKER_FLAGS="$link_flags" -DCMAKE_SHARED_LINKER_FLAGS="$link_flags" \
        -DCMAKE_MODULE_LINKER_FLAGS="$link_flags" -DCMAKE_SKIP_RPATH=ON \
        -DLLVM_ENABLE_PROJECTS='clang;lld' -DLLVM_TARGETS_TO_BUILD=$backend \
        -DLLVM_DEFAULT_TARGET_TRIPLE="$TARGET_TRIPLE" -DLLVM_HOST_TRIPLE="$TARGET_TRIPLE" \
        -DLLVM_DISTRIBUTION_COMPONENTS="$(IFS=';'; echo "${tools[*]}")" \
        -DLLVM_PARALLEL_LINK_JOBS=1 -DLLVM_ENABLE_ASSERTIONS=OFF -DLLVM_ENABLE_BINDINGS=OFF -DLLVM_ENABLE_PLUGINS=OFF \
        -DLLVM_APPEND_VC_REV=OFF -DLLVM_ENABLE_CURL=OFF -DLLVM_ENABLE_FFI=OFF -DLLVM_ENABLE_HTTPLIB=OFF \
        -DLLVM_ENABLE_LIBEDIT=OFF -DLLVM_ENABLE_LIBPFM=OFF -DLLVM_ENABLE_LIBXML2=OFF -DLLVM_ENABLE_OCAMLDOC=OFF \
        -DLLVM_ENABLE_Z3_SOLVER=OFF -DLLVM_ENABLE_ZLIB=OFF -DLLVM_ENABLE_ZSTD=OFF -DLLVM_INCLUDE_BENCHMARKS=OFF \
        -DLLVM_INCLUDE_DOCS=OFF -DLLVM_INCLUDE_EXAMPLES=OFF -DLLVM_INCLUDE_TESTS=OFF -DLLVM_INCLUDE_UTILS=OFF \
        -DCLANG_ENABLE_ARCMT=OFF -DCLANG_ENABLE_STATIC_ANALYZER=OFF -DCLANG_INCLUDE_TESTS=OFF \
        -DCLANG_PLUGIN_SUPPORT=OFF -DCLANG_RESOURCE_DIR="../lib/clang/$series"
fi
ninja -C $obj distribution
DESTDIR=$OUT ninja -C $obj install-distribution-stripped
