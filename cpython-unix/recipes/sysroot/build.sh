# shellcheck shell=bash
# sysroot: headers and link-time libraries of a glibc GLIBC_FLOOR, made from Debian's libc6, libc6-dev, linux-libc-dev,
# libgcc-dev and libstdc++-dev packages (/recipe/glibc_floor.py tells how).
compiler=$BUILD_CC
case $BUILD_CC in
    clang*) compiler+=" --target=$TARGET_TRIPLE -fuse-ld=lld" ;;
esac
mkdir debian work
for package in /sources/*.deb; do
    dpkg-deb --extract "$package" debian
done

mkdir -p "$OUT/tools"
python3 -B /recipe/glibc_floor.py --debian debian --output "$OUT/tools/sysroot" --work work \
    --multiarch "$MULTIARCH" --floor "$GLIBC_FLOOR" --compiler "$compiler"

# The start files and libc_nonshared.a are the real ones: they have to get along with what the stubs offer.
echo 'int main(void) { return 0; }' > work/empty.c
# shellcheck disable=SC2086 # a list of words
$compiler --sysroot="$OUT/tools/sysroot" -static-libgcc work/empty.c \
    -o work/empty -lm -lpthread -ldl -lrt -lutil -lresolv -lanl
