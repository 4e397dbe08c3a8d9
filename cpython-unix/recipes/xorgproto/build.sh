# shellcheck shell=bash
# The X11 protocol headers, from the root filesystem's own packages (x11proto-dev, xtrans-dev, xcb-proto,
# libpthread-stubs0-dev): the sysroot hides /usr/include, so they are copied to where the X11 libraries look.
include=$OUT$PREFIX/include
pkgconfig=$OUT$PREFIX/lib/pkgconfig
mkdir -p "$include" "$pkgconfig"
cp -R /usr/include/X11 "$include"

for name in inputproto kbproto renderproto xextproto xproto xtrans; do
    sed "s#^prefix=.*#prefix=$PREFIX#" "/usr/share/pkgconfig/$name.pc" > "$pkgconfig/$name.pc"
done
# These two name no headers: the first points at protocol descriptions that libxcb's generator reads where they are.
cp /usr/share/pkgconfig/xcb-proto.pc /usr/lib/*/pkgconfig/pthread-stubs.pc "$pkgconfig"
