# shellcheck shell=bash
# toolchain: names the root filesystem's Clang as the compiler of TARGET_TRIPLE, and records what it is.
#
# The options stand in a configuration file of Clang's: seen in one place, read before the command line, and no warning
# when one of them is not used. A wrapper is needed because Clang looks for such files beside its real binary, not beside the
# link that it was called by; it costs 1 ms of a compiler start's 23. The name has to contain "clang": configure scripts
# choose their options by it.
bin=$OUT/tools/bin
mkdir -p "$bin"
llvm=$(dirname "$(readlink -f "$(command -v "$BUILD_CC")")")

# -static-libgcc: what is built may not need libgcc_s.so.1 of the system it runs on.
# -ffile-prefix-map: neither messages nor debug information name the directories of the build.
# The rest is hardening: it stands here and not in CFLAGS because it is ours, not what sysconfig tells to others. What it
# costs is in docs/performance.rst. FORTIFY's level 3 needs newer headers than the sysroot's.
cat > "$bin/$TARGET_TRIPLE.cfg" << END
--target=$TARGET_TRIPLE
--sysroot=/tools/sysroot
-fuse-ld=lld
-static-libgcc
-ffile-prefix-map=/build/src=.
-ffile-prefix-map=/tools=tools
-fstack-protector-strong
-D_FORTIFY_SOURCE=2
-Wl,-z,relro,-z,now,-z,noexecstack
END

# -Wno-unused-command-line-argument: makefiles pass linker options to compilations, and configure scripts take the
# warning for a failure. The driver does not read this one from a configuration file.
for name in clang clang++; do
    cat > "$bin/$TARGET_TRIPLE-$name" << END
#!/bin/sh
exec $llvm/$name --config=/tools/bin/$TARGET_TRIPLE.cfg -Wno-unused-command-line-argument "\$@"
END
    chmod 755 "$bin/$TARGET_TRIPLE-$name"
done

# The first thing in a tool's version text that looks like a version.
version() {
    "$1" --version | grep -o -m 1 '[0-9][0-9]*\.[0-9][0-9.]*' | head -n 1
}

{
    echo '{'
    echo '  "kind": "packaged",'
    echo "  \"target\": \"$TARGET_TRIPLE\","
    echo '  "tools": {'
    for tool in "$AR" "$NM" "$OBJDUMP" "$RANLIB" "$READELF" "$STRIP" llvm-profdata; do
        echo "    \"$tool\": \"$(version "$tool")\","
    done
    echo "    \"clang\": \"$(version "$BUILD_CC")\","
    echo "    \"lld\": \"$(version "$LD")\""
    echo '  }'
    echo '}'
} > "$OUT/tools/toolchain.json"
