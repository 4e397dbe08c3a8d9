# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is used by the scripts that read this one
# The source, patched and configured; the cpython-profile recipe and this one begin with it. Afterwards ``make_variables`` are what
# every call of make is given, ``compile_flags`` and ``link_flags`` what each adds to.

# make_value NAME: what CPython's Makefile has for a variable, as it stands there.
make_value() {
    sed -n "s/^$1=[[:space:]]*//p" Makefile
}

series=${SOURCE_VERSION%.*}
minor=${series#3.}
# The standard library's directory; a free-threaded build has one of its own (python3.13t).
stdlib=python$series
root=$OUT/install

# macOS has no semaphores without a name, for which sem_getvalue is.
case $TARGET_TRIPLE in *-apple-darwin) no_sem_getvalue=yes ;; *) no_sem_getvalue=no ;; esac
arguments=(
    --build="$BUILD" --host="$HOST" --prefix=/install
    --enable-shared --without-static-libpython --with-ensurepip=install --enable-ipv6
    --with-openssl="$DEPS" --with-system-expat --with-system-libmpdec
    --with-readline=editline --with-dbmliborder=bdb --enable-loadable-sqlite-extensions
    # What configure would find out from the machine it runs on (its /dev, its network, its kernel's limits), answered
    # as every Linux and every macOS answers.
    ac_cv_file__dev_ptmx=yes ac_cv_file__dev_ptc=no
    ac_cv_posix_semaphores_enabled=yes "ac_cv_broken_sem_getvalue=$no_sem_getvalue"
    ac_cv_buggy_getaddrinfo=no ac_cv_broken_nice=no ac_cv_broken_poll=no ac_cv_working_tzset=yes
)
# The interpreter and libpython.so share their objects: position-independent code costs an executable nothing once it
# is linked at a fixed address.
make_variables=("LINK_PYTHON_OBJS=\$(LIBRARY_OBJS)" "LINK_PYTHON_DEPS=\$(LIBRARY_OBJS)")

compile_flags=()
link_flags=()
# --enable-optimizations only says which goal make has by itself, and tells readers of CONFIG_ARGS: what the compiler is
# given for it stands in the two build.sh. Fat objects hold machine code beside the compiler's own form, so that any
# linker can use them without LTO.
for option in ${BUILD_OPTIONS//+/ }; do
    case $option in
        freethreaded) arguments+=(--disable-gil) stdlib+=t ;;
        noopt) ;;
        debug) arguments+=(--with-pydebug) ;;
        pgo) arguments+=(--enable-optimizations) ;;
        lto) # no target but Linux's has it: Mach-O knows no fat objects
            arguments+=(--with-lto=full)
            compile_flags+=(-ffat-lto-objects)
            link_flags+=(-ffat-lto-objects -O3)
            ;;
        *) echo "BUILD_OPTIONS: unknown value $BUILD_OPTIONS" >&2; exit 1 ;;
    esac
done
# newer/ brings functions that the oldest supported glibc lacks, and a header that only another library's package has.
case $TARGET_TRIPLE in
    *-linux-gnu*)
        cp -r "$STEP_RECIPE"/newer/. .
        export MACHDEP_OBJS=Python/newer_libc.o
        for name in close_range copy_file_range memfd_create preadv2 pwritev2 sem_clockwait; do
            arguments+=("ac_cv_func_$name=yes")
        done
        arguments+=(ac_cv_header_bluetooth_bluetooth_h=yes)
        ;;
    # The one of its headers that newer-libc.patch includes.
    *) : > Include/internal/pycore_newer_libc.h ;;
esac
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
[[ +$BUILD_OPTIONS+ != *+debug+* ]] || export OPT='-fwrapv -O0 -Wall'
export CURSES_CFLAGS="-I$DEPS/include" PANEL_CFLAGS="-I$DEPS/include"
case $TARGET_TRIPLE in
    *-linux-*)
        export LDFLAGS_NODIST='-Wl,--exclude-libs,ALL'
        export LINKCC="$CC -pthread -no-pie"
        export CURSES_LIBS=-lncursesw PANEL_LIBS='-lpanelw -lncursesw'
        ;;
    *-apple-darwin)
        # shellcheck source=cpython-unix/recipes/cpython/darwin.sh
        . "$STEP_RECIPE/darwin.sh"
        ;;
esac

if [ "$minor" -le 13 ]; then
    for patch in "$STEP_RECIPE"/patches-before-3.14/*.patch; do
        apply "$patch"
    done
fi
if [ "$BUILD" != "$HOST" ]; then
    for patch in "$STEP_RECIPE"/patches-cross/*.patch; do
        apply "$patch"
    done
fi
if [ "$minor" -eq 13 ]; then
    for patch in "$STEP_RECIPE"/patches-3.13/*.patch; do
        apply "$patch"
    done
fi

# Releases from before OpenSSL 3.2 (3.11.2 is one) take the end of the last certificate for an error.
if ! grep -q 'BIO_eof(biobuf)' Modules/_ssl.c; then
    apply "$STEP_RECIPE/patches-old-ssl/certificates-end.patch"
fi

cp "$STEP_TOOLS/cpython/Setup.local" Modules/Setup.local
./configure "${arguments[@]}"
case $TARGET_TRIPLE in *-apple-darwin) relocatable_library ;; esac
# The interpreter's name as it is built: on macOS file systems it cannot be that of the directory Python.
program=python$(make_value BUILDEXE)
python3 "$STEP_RECIPE/build_facts.py" check-configure
