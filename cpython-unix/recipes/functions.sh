# shellcheck shell=bash
# What many recipes do, in words that GNU's tools and macOS's both know (and bash 3.2, which is macOS's). driver.sh reads
# this file before a recipe's build.sh.

# edit FILE SCRIPT...: change a file in place by sed. Every script has to change something: an edit that no longer finds
# what it was written for is an error.
edit() {
    local file=$1 script
    shift
    for script in "$@"; do
        sed -e "$script" "$file" > "$STEP_BUILD/edited"
        if cmp -s "$file" "$STEP_BUILD/edited"; then
            echo "edit: nothing in $file is changed by: $script" >&2
            return 1
        fi
        cat "$STEP_BUILD/edited" > "$file"
        rm "$STEP_BUILD/edited"
    done
}

# place MODE DIRECTORY FILE...: install files into a directory, which is made if need be.
place() {
    local mode=$1 directory=$2
    shift 2
    mkdir -p "$directory"
    install -m "$mode" "$@" "$directory"
}

# apply PATCH: every hunk has to fit exactly; it may lie elsewhere, for which GNU's would keep a copy of the original.
apply() {
    local quiet=
    case $(patch --version 2> /dev/null) in GNU*) quiet=--no-backup-if-mismatch ;; esac
    # shellcheck disable=SC2086 # one word or none
    patch -p1 -t -N -F 0 $quiet -i "$1"
}

# chosen OPTION: whether BUILD_OPTIONS, words with plus signs between them, has one of that name.
chosen() {
    case +$BUILD_OPTIONS+ in *+"$1"+*) return 0 ;; *) return 1 ;; esac
}
