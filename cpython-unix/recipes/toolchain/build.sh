# shellcheck shell=bash
# toolchain: names the compiler of TARGET_TRIPLE with the options that everything is compiled with, and records what it is.
# TOOLCHAIN is its name in cpython-unix/toolchains.yml: where it comes from, compiler, series.
bin=$OUT/tools/bin
options=/tools/bin/$TARGET_TRIPLE.cfg
mkdir -p "$bin"
case $TOOLCHAIN in
    *:clang-*) compilers=(clang clang++) tools=(llvm-profdata) ;;
    *:gcc-*) compilers=(gcc g++) tools=() ;;
    *) echo "TOOLCHAIN: unknown value $TOOLCHAIN" >&2; exit 1 ;;
esac

# -static-libgcc: what is built may not need libgcc_s.so.1 of the system it runs on.
# -ffile-prefix-map: neither messages nor debug information name the directories of the build.
# The rest is hardening: it stands here and not in CFLAGS because it is ours, not what sysconfig tells to others. What it
# costs is in docs/performance.rst. FORTIFY's level 3 needs newer headers than the sysroot's.
{
    case $TOOLCHAIN in
        *:clang-*) printf '%s\n' "--target=$TARGET_TRIPLE" --sysroot=/tools/sysroot -fuse-ld=lld ;;
        # GCC looks beside itself first, and there the distribution's has the C library of its own system. GNU ld forgets a
        # library that nothing before it needs; configure scripts name those of the system before static ones.
        *) printf '%s\n' --sysroot=/tools/sysroot {-B,-L}"/tools/sysroot/usr/lib/$MULTIARCH" -Wl,--no-as-needed ;;
    esac
    cat << END
-static-libgcc
-ffile-prefix-map=/build/src=.
-ffile-prefix-map=/tools=tools
-fstack-protector-strong
-D_FORTIFY_SOURCE=2
-Wl,-z,relro,-z,now,-z,noexecstack
END
} > "$OUT$options"

# The options stand in a file that is read before the command line. The name has to contain "clang" or "gcc": configure
# scripts choose their options by it. A wrapper costs 1 ms of a compiler start's 23.
# - Clang calls it a configuration file, and does not warn when one of the options is not used. It looks for such files
#   beside its real binary, not beside the link that it was called by: hence the wrapper.
#   -Wno-unused-command-line-argument: makefiles pass linker options to compilations, and configure scripts take the
#   warning for a failure. The driver does not read this one from a configuration file.
# - GCC takes any file of options, and says nothing.
for name in "${compilers[@]}"; do
    real=$(dirname "$(readlink -f "$(command -v "$BUILD_CC")")")/$name
    case $TOOLCHAIN in
        *:clang-*) words="--config=$options -Wno-unused-command-line-argument" ;;
        *) real=$(command -v "$name") words=@$options ;;
    esac
    printf '#!/bin/sh\nexec %s %s "$@"\n' "$real" "$words" > "$bin/$TARGET_TRIPLE-$name"
    chmod 755 "$bin/$TARGET_TRIPLE-$name"
done

# The first thing in a tool's version text that looks like a version. GNU's name the distribution first, in parentheses.
version() {
    "$1" --version | head -n 2 | sed 's/([^)]*)//' | grep -o -m 1 '[0-9][0-9]*\.[0-9][0-9.]*' | head -n 1
}
linker=$LD
case $LD in ld.lld) linker=lld ;; esac

{
    echo '{'
    echo "  \"kind\": \"${TOOLCHAIN%%:*}\","
    echo "  \"target\": \"$TARGET_TRIPLE\","
    echo '  "tools": {'
    for tool in "$AR" "$NM" "$OBJDUMP" "$RANLIB" "$READELF" "$STRIP" "${tools[@]}"; do
        echo "    \"$tool\": \"$(version "$tool")\","
    done
    echo "    \"${compilers[0]}\": \"$(version "$BUILD_CC")\","
    echo "    \"$linker\": \"$(version "$LD")\""
    echo '  }'
    echo '}'
} > "$OUT/tools/toolchain.json"
