# shellcheck shell=bash
# Runs one recipe: unpacks its source, patches it, runs its build.sh, keeps the licence texts. Run by "bash -eu".
#
#   STEP_BUILD, STEP_RECIPE, STEP_SOURCES, STEP_TOOLS, OUT
#                    where the step works, its scripts, the archives, what it needs, and its result; on Linux these are
#                    /build, /recipe, /sources, /tools and /out
#   SOURCE_ARCHIVE   name of the archive in STEP_SOURCES; "" for a recipe without a source: it begins with an empty directory
#   LICENCE_NAME     directory below OUT/licenses for the licence texts
#   LICENCE_FILES    their paths in the source, one a line
#
# build.sh gets the same variables, SOURCE_DATE_EPOCH and functions.sh, and runs in STEP_BUILD/src. On macOS the tools are
# BSD's and bash is 3.2: nothing here may ask for more.
set -euo pipefail
umask 022

oldest=315532800 # 1980-01-01: older times do not fit into every archive format

src=$STEP_BUILD/src
mkdir -p "$STEP_BUILD/home"
export HOME=$STEP_BUILD/home
# shellcheck source=cpython-unix/recipes/functions.sh
. "$STEP_RECIPE/functions.sh"

# The archive's owners, and modes that only root may give or that keep the owner out, are left out. Its one top
# directory, whatever it is called, becomes the source's.
unpack() {
    local unpacked=$STEP_BUILD/unpacked entries
    mkdir "$unpacked"
    tar -x -f "$1" -C "$unpacked" --no-same-owner --no-same-permissions
    chmod -R u+rwX,go+rX "$unpacked"
    entries=$(find "$unpacked" -mindepth 1 -maxdepth 1)
    if [ -d "$entries" ]; then
        mv "$entries" "$src"
        rmdir "$unpacked"
    else
        mv "$unpacked" "$src"
    fi
}

if [ -n "${SOURCE_ARCHIVE:-}" ]; then
    unpack "$STEP_SOURCES/$SOURCE_ARCHIVE"
else
    mkdir "$src"
fi
cd "$src"

# The newest file's time, by perl: find and stat differ between the systems.
SOURCE_DATE_EPOCH=$(find . -type f -print0 | perl -0ne 'chomp; $t = (lstat)[9]; $newest = $t if $t > $newest;
                                                        END { print $newest }')
if [ "${SOURCE_DATE_EPOCH:-0}" -lt "$oldest" ]; then
    SOURCE_DATE_EPOCH=$oldest
fi
export SOURCE_DATE_EPOCH

for patch in "$STEP_RECIPE"/patches/*.patch; do
    if [ -e "$patch" ]; then
        echo "applying ${patch##*/}"
        apply "$patch"
    fi
done

# One time for every file, patched ones too: make then takes shipped generated files for current, on every machine.
stamp=$(perl -MPOSIX=strftime -e 'print strftime("%Y%m%d%H%M.%S", gmtime(shift))' "$SOURCE_DATE_EPOCH")
find . -exec env TZ=UTC touch -h -t "$stamp" {} +

bash -eu -c '. "$STEP_RECIPE/functions.sh"; . "$STEP_RECIPE/build.sh"' build.sh

while IFS= read -r file; do
    [ -n "$file" ] || continue
    kept=$OUT/licenses/${LICENCE_NAME:?LICENCE_FILES are given without LICENCE_NAME}/${file##*/}
    if [ ! -f "$src/$file" ]; then
        echo "licence file $file is not in the source: correct the source's licence_files" >&2
        exit 1
    fi
    if [ -e "$kept" ]; then
        echo "two licence files are called ${file##*/}: name only one in the source's licence_files" >&2
        exit 1
    fi
    place 644 "${kept%/*}" "$src/$file"
done <<< "${LICENCE_FILES:-}"
