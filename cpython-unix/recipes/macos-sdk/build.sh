# shellcheck shell=bash
# macos-sdk: what a compiler on Linux can know of macOS: the headers of its C library and the stub of libSystem, from the
# Python package ziglang (SDK_PACKAGE), in the places where an SDK has them. Frameworks are in no package, so the one that
# CPython's link always names is an empty stub: what is linked with it would not find a single function of it.
sdk=$OUT/tools/sdk
package=$STEP_BUILD/package
mkdir -p "$package" "$sdk/usr/lib"
python3 -c '
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.startswith("ziglang/lib/libc/")])
' "$STEP_SOURCES/$SDK_PACKAGE" "$package"
cp -R "$package/ziglang/lib/libc/include/any-macos-any" "$sdk/usr/include"
cp "$package/ziglang/lib/libc/darwin/libSystem.tbd" "$sdk/usr/lib/"
for name in c dl m pthread resolv; do
    ln -s libSystem.tbd "$sdk/usr/lib/lib$name.tbd"
done

# What the package lacks of the C library's headers and our packages include: as much of it as they use.
crypto=$sdk/usr/include/CommonCrypto
cat > "$crypto/CommonCryptoError.h" << 'END'
#pragma once
#include <stdint.h>
typedef int32_t CCCryptorStatus;
enum { kCCSuccess = 0 };
END
cat > "$crypto/CommonRandom.h" << 'END'
#pragma once
#include <stddef.h>
#include <CommonCrypto/CommonCryptoError.h>
typedef CCCryptorStatus CCRNGStatus;
CCRNGStatus CCRandomGenerateBytes(void *bytes, size_t count);
END
cat > "$sdk/usr/include/util.h" << 'END'
#pragma once
#include <termios.h>
#include <sys/ioctl.h>
#include <sys/types.h>
int login_tty(int fd);
int openpty(int *controller, int *terminal, char *name, struct termios *settings, struct winsize *size);
pid_t forkpty(int *controller, char *name, struct termios *settings, struct winsize *size);
END

# Clang asks this file for the version, which the linker writes into every program. What the package has of it says no
# more than the version's name.
version=$(sed -n 's/.*"MinimalDisplayName":"\([0-9.]*\)".*/\1/p' "$package/ziglang/lib/libc/darwin/SDKSettings.json")
[ -n "$version" ]
cat > "$sdk/SDKSettings.json" << END
{"CanonicalName": "macosx$version", "DisplayName": "macOS $version", "Version": "$version",
 "MaximumDeploymentTarget": "$version.99", "DefaultDeploymentTarget": "$version",
 "SupportedTargets": {"macosx": {"Archs": ["x86_64", "arm64"], "LLVMTargetTripleVendor": "apple",
  "LLVMTargetTripleSys": "macosx", "LLVMTargetTripleEnvironment": ""}}}
END
printf '%s\n' "$version" > "$sdk/version"

framework=$sdk/System/Library/Frameworks/CoreFoundation.framework
mkdir -p "$framework"
cat > "$framework/CoreFoundation.tbd" << 'END'
--- !tapi-tbd
tbd-version:     4
targets:         [ x86_64-macos, arm64-macos ]
install-name:    '/System/Library/Frameworks/CoreFoundation.framework/Versions/A/CoreFoundation'
current-version: 2420
compatibility-version: 150
...
END
