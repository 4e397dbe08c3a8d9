# shellcheck shell=bash
# macos-toolchain: names the compiler of TARGET_TRIPLE with the options that everything is compiled with, and records what
# it is. The name has to contain "clang": configure scripts choose their options by it.
#
#   TOOLCHAIN        its name in targets-macos.yml
#   CLANG, CLANGXX   the compilers' files, or names that PATH leads to; words of the shell, read when the compiler runs
#   SDK              its directory; the same
#   SDK_NAME, SDK_VERSION, CLANG_VERSION, LD_VERSION
#                    what they are, where the plan has asked; "" for the last where another linker than Apple's links
#   PROFDATA         llvm-profdata's file, where a profile can be trained; read as CLANG is
bin=$OUT/tools/bin
mkdir -p "$bin" "$OUT/tools/lib"
options="-isysroot \"$SDK\" --target=$DARWIN_ARCH-apple-macosx$MACOSX_DEPLOYMENT_TARGET -fstack-protector-strong"

# Messages and debug information name the directories of the build as they are called where their places are fixed.
# -Wno-unused-command-line-argument: makefiles pass linker options to compilations, and configure scripts take the warning
# for a failure.
# shellcheck disable=SC2016 # read when the compiler runs
options="$options"' -ffile-prefix-map="$STEP_BUILD/src=." -ffile-prefix-map="$STEP_TOOLS=tools" -Wno-unused-command-line-argument'

case $TOOLCHAIN in
    cross:*)
        # Apple's Clang has it in its own runtime library: what __builtin_available asks.
        cat > availability.c << 'END'
#include <stdbool.h>
#include <stdint.h>
struct build_version { uint32_t platform, version; };
extern bool _availability_version_check(uint32_t count, struct build_version wanted[]);
int32_t __isPlatformVersionAtLeast(uint32_t platform, uint32_t major, uint32_t minor, uint32_t subminor)
{
    struct build_version wanted = {platform, major << 16 | (minor & 0xff) << 8 | (subminor & 0xff)};
    return _availability_version_check(1, &wanted);
}
END
        eval "$CLANG $options -O2 -c availability.c"
        $AR rc "$OUT/tools/lib/libavailability.a" availability.o
        # shellcheck disable=SC2016
        options="$options"' -fuse-ld=lld "-Wl,$STEP_TOOLS/lib/libavailability.a"'
        CLANG_VERSION=$("$CLANG" --version | sed -n 's/.*clang version \([0-9.]*\).*/\1/p')
        SDK_VERSION=$(cat "$STEP_TOOLS/sdk/version") SDK_NAME=macosx$SDK_VERSION
        ;;
    *)
        # What those who link our objects are told.
        printf '%s\n' "-Wl,-headerpad_max_install_names" > "$bin/$TARGET_TRIPLE.cfg"
        # Recipes and configure scripts look for it by its name.
        printf '%s\n' '#!/bin/sh' "exec \"$PROFDATA\" \"\$@\"" > "$bin/llvm-profdata"
        chmod 755 "$bin/llvm-profdata"
        ;;
esac
printf '%s\n' '#!/bin/sh' "exec \"$CLANG\" $options \"\$@\"" > "$bin/$TARGET_TRIPLE-clang"
printf '%s\n' '#!/bin/sh' "exec \"$CLANGXX\" $options \"\$@\"" > "$bin/$TARGET_TRIPLE-clang++"
chmod 755 "$bin/$TARGET_TRIPLE-clang" "$bin/$TARGET_TRIPLE-clang++"

linker=
if [ -n "$LD_VERSION" ]; then
    linker=$(printf ',\n    "ld": "%s"' "$LD_VERSION")
fi
cat > "$OUT/tools/toolchain.json" << END
{
  "kind": "${TOOLCHAIN%%:*}",
  "target": "$TARGET_TRIPLE",
  "tools": {
    "clang": "$CLANG_VERSION"$linker
  },
  "sdk": {
    "name": "$SDK_NAME",
    "version": "$SDK_VERSION"
  },
  "deployment_target": "$MACOSX_DEPLOYMENT_TARGET"
}
END
