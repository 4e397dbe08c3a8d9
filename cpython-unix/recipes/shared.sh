# shellcheck shell=bash
# What builds of shared libraries have in common: a recipe's shared/build.sh begins with ". /recipe/shared.sh" and ends
# with keep_libraries. Its package's ordinary script is /recipe/static.sh.
#
#   SONAMES   what is wanted, as words NAME=SONAME: link lines say -lNAME, the file is called as its soname

# Libraries find each other beside themselves, wherever the tree stands. Clang's configuration file reaches every link of
# every build system, and nothing in it needs quoting. Upstream's version scripts also name functions that are only there
# in other configurations.
cat > /build/shared.cfg << 'END'
-Wl,-rpath,$ORIGIN
-Wl,--undefined-version
END
export CC="$CC --config=/build/shared.cfg"

# Run the ordinary script with some of its words exchanged: build_with OLD NEW...
build_with() {
    cp /recipe/static.sh /build/static.sh
    while [ $# -gt 0 ]; do
        if [ "$(grep -c -e "\(^\|[[:space:]]\)$1\([[:space:]]\|$\)" /build/static.sh)" -ne 1 ]; then
            echo "shared.sh: $1 is expected once in the recipe's build.sh" >&2
            exit 1
        fi
        sed -i "s#\(^\|[[:space:]]\)$1\([[:space:]]\|\$\)#\1$2\2#" /build/static.sh
        shift 2
    done
    # shellcheck disable=SC1091 # it is made here
    . /build/static.sh
}

# Leave one file for each library, called as its soname, and the link that linkers look for; no static library, which
# they would take where they are told to link statically.
keep_libraries() {
    local directory=$OUT$PREFIX/lib word soname real found
    local -A kept=()
    for word in $SONAMES; do
        soname=${word#*=}
        real=$(readlink -e "$directory/$soname") || { echo "shared.sh: no $soname was made" >&2; exit 1; }
        [ "$real" = "$directory/$soname" ] || mv -f "$real" "$directory/$soname"
        chmod 755 "$directory/$soname"
        found=$($READELF --dynamic "$directory/$soname" | sed -n 's/.*SONAME.*\[\(.*\)\].*/\1/p')
        [ "$found" = "$soname" ] || { echo "shared.sh: $soname says that it is $found" >&2; exit 1; }
        kept[$soname]=yes
        kept[lib${word%%=*}.so]=yes
        [ "$soname" = "lib${word%%=*}.so" ] || ln -sf "$soname" "$directory/lib${word%%=*}.so"
    done
    for real in "$directory"/lib*.a "$directory"/lib*.la "$directory"/lib*.so*; do
        if [ -e "$real" ] || [ -L "$real" ]; then
            [ -n "${kept[${real##*/}]:-}" ] || rm "$real"
        fi
    done
}
