# shellcheck shell=bash
# CPython: an interpreter with libpython and every extension module of the standard library linked in, a shared and a
# static libpython made from the same objects, the standard library and pip; and under build/ what all that was linked
# from. tools/cpython/Setup.local says what becomes of each extension module, tools/profile/cpython.profdata (if
# BUILD_OPTIONS has pgo) which code is hot.
#
# BUILD_OPTIONS: noopt, debug, pgo, lto or pgo+lto, or one of them after "freethreaded+".

set -o pipefail
case $SOURCE_VERSION in
    3.11.* | 3.12.*) ;;
    *) python3 "$STEP_RECIPE/freeze_more.py" ;;
esac
# shellcheck source=cpython-unix/recipes/cpython/prepare.sh
. "$STEP_RECIPE/prepare.sh"

profile=$STEP_TOOLS/profile/cpython.profdata
tally=$STEP_BUILD/profile-tally.json
case +$BUILD_OPTIONS+ in
    *+pgo+*)
        python3 "$STEP_RECIPE/profile_report.py" check "$profile"
        compile_flags+=("-fprofile-use=$profile" -mllvm -pgo-warn-missing-function)
        # From each instruction of the interpreter's loop any other may follow. The quick way to tell how often each runs
        # takes some of the most frequent ones for cold there; only with the thorough one do their places pay.
        for option in -use-iterative-bfi-inference -enable-ext-tsp-block-placement; do
            compile_flags+=(-mllvm "$option")
            link_flags+=("-Wl,-mllvm,$option")
        done
        ;;
esac
# What the profile has never seen run is put elsewhere, out of the middle of functions. Only where we link ourselves: the
# machine code of fat objects stays as other linkers expect it.
case +$BUILD_OPTIONS+ in
    *+pgo+lto+*) link_flags+=(-fsplit-machine-functions) ;;
esac

ldversion=$(make_value LDVERSION)
case $ldversion in *ABIFLAGS*) ldversion=$series$(make_value ABIFLAGS) ;; esac
case $TARGET_TRIPLE in
    *-apple-darwin) libraries=("libpython$ldversion.dylib") ;;
    *) libraries=("libpython$ldversion.so" libpython3.so) ;;
esac
# -g0: CPython's configure adds -g to the flags of LTO.
build() {
    make "${make_variables[@]}" CFLAGS_NODIST="${compile_flags[*]-} -g0" LDFLAGS_NODIST="${link_flags[*]-} -g0" "$@"
}
# What was trained; sharedmods are modules for CPython's own tests.
build_core() {
    case +$BUILD_OPTIONS+ in
        *+lto+*)
            # What only the build runs is linked from the machine code of the fat objects. (CPython's own flags for these
            # two say LTO, because objects without machine code need it.)
            make "${make_variables[@]}" CFLAGS_NODIST="${compile_flags[*]-} -g0" CONFIGURE_LDFLAGS_NOLTO=-fno-lto \
                "PY_CORE_LDFLAGS=\$(PY_LDFLAGS_NOLTO)" Programs/_freeze_module _bootstrap_python
            # One such link after the other, each for itself: they take the memory of many compilations.
            build "$program" LINKCC="python3 $STEP_RECIPE/link.py $LINKCC"
            ;;
    esac
    build "$program" "${libraries[@]}" "libpython$ldversion.a" platform
}
case +$BUILD_OPTIONS+ in
    *+pgo+*)
        build_core 2>&1 | python3 "$STEP_RECIPE/profile_report.py" watch "$tally"
        python3 "$STEP_RECIPE/profile_report.py" report "$profile" "$tally" "$OUT/build/profile/report.json"
        install -m 644 "$profile" "$OUT/build/profile/"
        ;;
    *) build_core ;;
esac
build "${goals[@]}"

# What was compiled for another system cannot be asked, and is not installed: it is there to be looked at.
if [ "$BUILD" != "$HOST" ]; then
    place 755 "$root/bin" "$program"
    place 755 "$root/lib" "${libraries[@]}"
    mkdir -p "$root/lib/$stdlib/lib-dynload"
    find build -name '*.so' -exec cp {} "$root/lib/$stdlib/lib-dynload/" \;
    python3 "$STEP_RECIPE/build_facts.py" collect "$OUT/build" "${make_variables[@]}"
    return
fi

# "-o all": what is wanted is built. libinstall would compile the library three times over, which compile_library.py
# does once and in a fixed order.
make "${make_variables[@]}" -o all libinstall PYTHON_FOR_BUILD=true DESTDIR="$OUT"
make "${make_variables[@]}" -o all -o libinstall install ENSUREPIP=no DESTDIR="$OUT"

# pip, as ensurepip installs it, less the byte code.
python=$root/bin/python$ldversion
ln -s "python$series" "$root/bin/python"
# Where the interpreter's name has flags of the ABI (python3.13t), CPython installs it once more without them.
[ "$ldversion" = "$series" ] || ln -sf "python$ldversion" "$root/bin/python$series"
bundled=()
for wheel in Lib/ensurepip/_bundled/*.whl; do
    wheel=${wheel##*/}
    bundled+=("${wheel%%-*}")
done
"$python" -IB "$(echo Lib/ensurepip/_bundled/pip-*.whl)/pip" install --no-index --find-links Lib/ensurepip/_bundled --no-compile \
    --no-cache-dir --disable-pip-version-check --root-user-action=ignore "${bundled[@]}"
if [ -d "$root/lib/$stdlib/lib2to3" ]; then
    "$python" -IB -m lib2to3.pgen2.driver "$root/lib/$stdlib/lib2to3/Grammar.txt"
    "$python" -IB -m lib2to3.pgen2.driver "$root/lib/$stdlib/lib2to3/PatternGrammar.txt"
fi

if [ -d "$DEPS/share/terminfo" ]; then
    cp -a "$DEPS/share/terminfo" "$root/share/"
fi
if [ -d "$DEPS/lib/tcl8.6" ]; then
    cp -a "$DEPS"/lib/tcl8.6 "$DEPS"/lib/tcl8 "$DEPS"/lib/tk8.6 "$root/lib/"
fi
python3 "$STEP_RECIPE/relocate.py" "$root" "$stdlib"
"$python" -IBS "$STEP_RECIPE/compile_library.py" "$root/lib/$stdlib" "/install/lib/$stdlib"
python3 "$STEP_RECIPE/build_facts.py" collect "$OUT/build" "${make_variables[@]}"
