# shellcheck shell=bash
# CPython: an interpreter with libpython and every extension module of the standard library linked in, a shared and a
# static libpython made from the same objects, the standard library and pip; and under build/ what all that was linked
# from. /tools/cpython/Setup.local says what becomes of each extension module.
#
# BUILD_OPTIONS: noopt, debug.

series=${SOURCE_VERSION%.*}
minor=${series#3.}
root=$OUT/install

arguments=(
    --build="$BUILD" --host="$HOST" --prefix=/install
    --enable-shared --without-static-libpython --with-ensurepip=install --enable-ipv6
    --with-openssl="$PREFIX" --with-system-expat --with-system-libmpdec
    --with-readline=editline --with-dbmliborder=bdb --enable-loadable-sqlite-extensions
    # What configure would find out from the machine it runs on (its /dev, its network, its kernel's limits), answered
    # as every Linux answers.
    ac_cv_file__dev_ptmx=yes ac_cv_file__dev_ptc=no
    ac_cv_posix_semaphores_enabled=yes ac_cv_broken_sem_getvalue=no
    ac_cv_buggy_getaddrinfo=no ac_cv_broken_nice=no ac_cv_broken_poll=no ac_cv_working_tzset=yes
)
# The interpreter and libpython.so share their objects: position-independent code costs an executable nothing once it
# is linked at a fixed address.
make_variables=("LINK_PYTHON_OBJS=\$(LIBRARY_OBJS)" "LINK_PYTHON_DEPS=\$(LIBRARY_OBJS)")

case $BUILD_OPTIONS in
    noopt) ;;
    debug) arguments+=(--with-pydebug) ;;
    *) echo "BUILD_OPTIONS: unknown value $BUILD_OPTIONS" >&2; exit 1 ;;
esac
# newer/ brings functions that the oldest supported glibc lacks, and a header that only another library's package has.
cp -r /recipe/newer/. .
if [[ $TARGET_TRIPLE == *-linux-gnu* ]]; then
    export MACHDEP_OBJS=Python/newer_libc.o
    for name in close_range copy_file_range memfd_create preadv2 pwritev2 sem_clockwait; do
        arguments+=("ac_cv_func_$name=yes")
    done
    arguments+=(ac_cv_header_bluetooth_bluetooth_h=yes)
fi
if [ "$minor" -le 11 ]; then
    arguments+=(--with-system-ffi)
    # sharedmods is setup.py's there, which finds nothing left to build; the installation calls it for its scripts.
    goals=(oldsharedmods python-config)
else
    goals=(sharedmods scripts)
fi
if [ "$minor" -ge 14 ]; then
    # Several hash modules share code. Given as objects it would be linked twice; given as archives once.
    for hash in MD5 SHA1 SHA2 SHA3 BLAKE2 HMAC; do
        make_variables+=("LIBHACL_${hash}_LIB_SHARED=\$(LIBHACL_${hash}_LIB_STATIC)")
    done
fi

# CFLAGS and LDFLAGS of the environment would be repeated to everybody who compiles an extension: CPython has its own,
# and variables that end with its own build. --exclude-libs keeps the dependencies' symbols to ourselves.
unset CFLAGS CXXFLAGS
export OPT='-fwrapv -O3 -Wall'
[ "$BUILD_OPTIONS" != debug ] || export OPT='-fwrapv -O0 -Wall'
export LDFLAGS_NODIST='-Wl,--exclude-libs,ALL'
export LINKCC="$CC -pthread -no-pie"
export CURSES_CFLAGS="-I$PREFIX/include" CURSES_LIBS=-lncursesw
export PANEL_CFLAGS="-I$PREFIX/include" PANEL_LIBS='-lpanelw -lncursesw'

if [ "$minor" -le 13 ]; then
    for patch in /recipe/patches-before-3.14/*.patch; do
        patch -p1 --batch --forward --no-backup-if-mismatch -i "$patch"
    done
fi

# Releases from before OpenSSL 3.2 (3.11.2 is one) take the end of the last certificate for an error.
if ! grep -q 'BIO_eof(biobuf)' Modules/_ssl.c; then
    patch -p1 --batch --forward --no-backup-if-mismatch -i /recipe/patches-old-ssl/certificates-end.patch
fi

cp /tools/cpython/Setup.local Modules/Setup.local
./configure "${arguments[@]}"
python3 /recipe/build_facts.py check-configure

ldversion=$(sed -n 's/^LDVERSION=[[:space:]]*//p' Makefile)
case $ldversion in *ABIFLAGS*) ldversion=$series$(sed -n 's/^ABIFLAGS=[[:space:]]*//p' Makefile) ;; esac
make "${make_variables[@]}" python "libpython$ldversion.so" libpython3.so "libpython$ldversion.a" platform "${goals[@]}"

# "-o all": what is wanted is built. libinstall would compile the library three times over, which compile_library.py
# does once and in a fixed order.
make "${make_variables[@]}" -o all libinstall PYTHON_FOR_BUILD=true DESTDIR="$OUT"
make "${make_variables[@]}" -o all -o libinstall install ENSUREPIP=no DESTDIR="$OUT"

# pip, as ensurepip installs it, less the byte code.
python=$root/bin/python$ldversion
ln -s "python$series" "$root/bin/python"
bundled=()
for wheel in Lib/ensurepip/_bundled/*.whl; do
    wheel=${wheel##*/}
    bundled+=("${wheel%%-*}")
done
"$python" -IB "$(echo Lib/ensurepip/_bundled/pip-*.whl)/pip" install --no-index --find-links Lib/ensurepip/_bundled --no-compile \
    --no-cache-dir --disable-pip-version-check --root-user-action=ignore "${bundled[@]}"
if [ -d "$root/lib/python$series/lib2to3" ]; then
    "$python" -IB -m lib2to3.pgen2.driver "$root/lib/python$series/lib2to3/Grammar.txt"
    "$python" -IB -m lib2to3.pgen2.driver "$root/lib/python$series/lib2to3/PatternGrammar.txt"
fi

if [ -d "$PREFIX/share/terminfo" ]; then
    cp -a "$PREFIX/share/terminfo" "$root/share/"
fi
if [ -d "$PREFIX/lib/tcl8.6" ]; then
    cp -a "$PREFIX"/lib/tcl8.6 "$PREFIX"/lib/tcl8 "$PREFIX"/lib/tk8.6 "$root/lib/"
fi
python3 /recipe/relocate.py "$root" "$series"
"$python" -IBS /recipe/compile_library.py "$root/lib/python$series" "/install/lib/python$series"
python3 /recipe/build_facts.py collect "$OUT/build" "${make_variables[@]}"
