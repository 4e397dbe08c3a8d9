# shellcheck shell=bash
# CPython for macOS: the ordinary build, which tells the compiler and the linker of LTO and of the profile as those of
# Linux want it. Objects for LTO hold the compiler's form alone there (Mach-O knows no fat objects), all flags for LTO
# that are left are those of CPython's configure.

# knows OPTION: whether the compiler's LLVM has an option. Which of them Apple's has, it tells nobody.
knows() {
    $CC -mllvm "$1" -x c -c - -o "$STEP_BUILD/known.o" <<< 'int known;' 2> /dev/null
}

# known_flags FLAG...: those of the ordinary build's flags that this compiler and Mach-O have.
known_flags() {
    local kept=()
    while [ $# -gt 0 ]; do
        case $1 in
            -ffat-lto-objects | -fsplit-machine-functions) ;;
            -mllvm)
                if knows "$2"; then kept+=("$1" "$2"); fi
                shift
                ;;
            -Wl,-mllvm,*) if knows "${1#-Wl,-mllvm,}"; then kept+=("$1"); fi ;;
            *) kept+=("$1") ;;
        esac
        shift
    done
    echo "${kept[*]-}"
}

make() {
    local words=() word
    for word in "$@"; do
        case $word in
            # What only this build would run is of no use where it cannot be run, and each is a whole link with LTO.
            _bootstrap_python) [ "$BUILD" = "$HOST" ] || return 0 ;;
        esac
        case $word in
            CFLAGS_NODIST=* | LDFLAGS_NODIST=*)
                # shellcheck disable=SC2086 # a list of words
                words+=("${word%%=*}=$(known_flags ${word#*=})")
                ;;
            # link.py orders functions by an option of ELF's linkers.
            LINKCC=*/link.py\ *) ;;
            *) words+=("$word") ;;
        esac
    done
    command make "${words[@]}"
}

# configure asks for an llvm-ar. The one of the Command Line Tools is called ar, and stands here on every Mac.
[ "$BUILD" != "$HOST" ] || export ac_cv_path_LLVM_AR=/usr/bin/ar

# The patch that lets configure compile for macOS elsewhere is of 3.13, where a variable got another name. Before, configure
# insists on a readelf of the target, which it never runs for macOS, and asks the machine for its processor, for a variable
# that only frameworks are linked with: any of those it knows will do.
case $SOURCE_VERSION in
    3.11.* | 3.12.*)
        # "universal" tells _decimal nothing where it is linked with a libmpdec that is not CPython's own copy.
        edit configure 's/libmpdec_machine=universal/libmpdec_machine=uint128/'
        if [ "$BUILD" != "$HOST" ]; then
            edit configure 's/_host_cpu/_host_ident/g'
            export READELF=llvm-readelf
            # shellcheck disable=SC2016 # configure's
            if grep -q 'case `/usr/bin/arch` in' configure; then
                edit configure 's|case `/usr/bin/arch` in|case i386 in|'
            fi
        fi
        ;;
esac

# shellcheck source=cpython-unix/recipes/cpython/build.sh
. "$STEP_RECIPE/static.sh"

# Cross-compiled, the ordinary build ends before it installs anything, and only leaves what it has compiled to be looked
# at. What it would have the new interpreter do is done here by BUILD_PYTHON, which is of the same version: so the rest of
# what happens to an installation on a Mac happens to this one, too.
# shellcheck disable=SC2154 # static.sh has set what is used here
if [ "$BUILD" != "$HOST" ]; then
    rm -r "$root"
    make "${make_variables[@]}" -o all libinstall PYTHON_FOR_BUILD=true DESTDIR="$OUT"
    make "${make_variables[@]}" -o all -o libinstall install ENSUREPIP=no DESTDIR="$OUT"
    ln -s "python$series" "$root/bin/python"
    [ "$ldversion" = "$series" ] || ln -sf "python$ldversion" "$root/bin/python$series"

    bundled=()
    for wheel in Lib/ensurepip/_bundled/*.whl; do
        wheel=${wheel##*/}
        bundled+=("${wheel%%-*}")
    done
    # By the name that the scripts shall look for.
    python=${BUILD_PYTHON%/*}/python$series
    "$python" -IB "$(echo Lib/ensurepip/_bundled/pip-*.whl)/pip" install --prefix "$root" --no-index \
        --find-links Lib/ensurepip/_bundled --no-compile --no-cache-dir --disable-pip-version-check \
        --root-user-action=ignore "${bundled[@]}"
    if [ -d "$root/lib/$stdlib/lib2to3" ]; then
        "$python" -IB -m lib2to3.pgen2.driver "$root/lib/$stdlib/lib2to3/Grammar.txt"
        "$python" -IB -m lib2to3.pgen2.driver "$root/lib/$stdlib/lib2to3/PatternGrammar.txt"
    fi
    python3 "$STEP_RECIPE/relocate.py" "$root" "$stdlib"
    "$python" -IBS "$STEP_RECIPE/compile_library.py" "$root/lib/$stdlib" "/install/lib/$stdlib"
fi
