# shellcheck shell=bash
# Runs one recipe: unpacks its source, patches it, runs its build.sh, keeps the licence texts. Run by "bash -eu" in /build.
#
#   SOURCE_ARCHIVE   name of the archive in /sources; "" for a recipe without a source, whose /build/src is empty
#   LICENCE_NAME     directory below /out/licenses for the licence texts
#   LICENCE_FILES    their paths in the source, one a line
#
# build.sh gets the same variables and SOURCE_DATE_EPOCH, and runs in /build/src.
set -euo pipefail
umask 022

oldest=315532800 # 1980-01-01: older times do not fit into every archive format

mkdir -p /build/home
export HOME=/build/home

# The archive's owners, and modes that only root may give or that keep the owner out, are left out. Its one top
# directory, whatever it is called, becomes /build/src.
unpack() {
    mkdir /build/unpacked
    tar -x -f "$1" -C /build/unpacked --no-same-owner --no-same-permissions
    chmod -R u+rwX,go+rX /build/unpacked
    local entries
    entries=$(find /build/unpacked -mindepth 1 -maxdepth 1)
    if [ -d "$entries" ]; then
        mv "$entries" /build/src
        rmdir /build/unpacked
    else
        mv /build/unpacked /build/src
    fi
}

if [ -n "${SOURCE_ARCHIVE:-}" ]; then
    unpack "/sources/$SOURCE_ARCHIVE"
else
    mkdir /build/src
fi
cd /build/src

SOURCE_DATE_EPOCH=$(find . -type f -printf '%Ts\n' | sort -n | tail -n 1)
if [ "${SOURCE_DATE_EPOCH:-0}" -lt "$oldest" ]; then
    SOURCE_DATE_EPOCH=$oldest
fi
export SOURCE_DATE_EPOCH

for patch in /recipe/patches/*.patch; do
    if [ -e "$patch" ]; then
        echo "applying ${patch##*/}"
        patch -p1 --batch --forward --fuzz=0 --no-backup-if-mismatch -i "$patch"
    fi
done

# One time for every file, patched ones too: make then takes shipped generated files for current, on every machine.
find . -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

bash -eu /recipe/build.sh

while IFS= read -r file; do
    [ -n "$file" ] || continue
    kept=/out/licenses/${LICENCE_NAME:?LICENCE_FILES are given without LICENCE_NAME}/${file##*/}
    if [ ! -f "/build/src/$file" ]; then
        echo "licence file $file is not in the source: correct the source's licence_files" >&2
        exit 1
    fi
    if [ -e "$kept" ]; then
        echo "two licence files are called ${file##*/}: name only one in the source's licence_files" >&2
        exit 1
    fi
    install -D -m 644 "/build/src/$file" "$kept"
done <<< "${LICENCE_FILES:-}"
