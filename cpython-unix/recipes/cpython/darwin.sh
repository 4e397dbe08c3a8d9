# shellcheck shell=bash
# What CPython's configure is told for macOS; prepare.sh reads this where it has said the same for Linux.

# The linker would find these in every package manager's directories; what is not named here is not looked for. (Their
# pkg-config files are of no use: macOS has no pkg-config.)
export LIBFFI_CFLAGS="-I$DEPS/include" LIBFFI_LIBS=-lffi
export LIBSQLITE3_CFLAGS="-I$DEPS/include" LIBSQLITE3_LIBS='-lsqlite3 -lm'
export LIBMPDEC_CFLAGS="-I$DEPS/include" LIBMPDEC_LIBS='-lmpdec -lm'
export LIBLZMA_CFLAGS="-I$DEPS/include" LIBLZMA_LIBS=-llzma
export LIBZSTD_CFLAGS="-I$DEPS/include" LIBZSTD_LIBS=-lzstd
export BZIP2_CFLAGS="-I$DEPS/include" BZIP2_LIBS=-lbz2
export ZLIB_CFLAGS="-I$DEPS/include" ZLIB_LIBS=-lz
export LIBEDIT_CFLAGS="-I$DEPS/include" LIBEDIT_LIBS='-ledit -lncurses'
# ncurses and panel are the system's.
export CURSES_LIBS=-lncurses PANEL_LIBS='-lpanel -lncurses'
if [ -d "$DEPS/lib/tk8.6" ]; then
    export TCLTK_CFLAGS="-I$DEPS/include"
    export TCLTK_LIBS="-ltk8.6 -ltkstub8.6 -ltcl8.6 -ltclstub8.6 -lz -framework Cocoa -framework Carbon -framework IOKit -framework QuartzCore"
fi

# The SDK has a libffi, which configure would take: ours is younger, and the same everywhere.
arguments+=(ac_cv_header_ffi_h=no)

# Every name that a dependency defines stays inside: what the linker of Linux is told by --exclude-libs.
"$NM" -gUj "$DEPS"/lib/*.a 2> /dev/null | grep '^_' | LC_ALL=C sort -u > hidden-symbols.txt
export LDFLAGS_NODIST=-Wl,-unexported_symbols_list,hidden-symbols.txt
export LINKCC=$CC

# Cross-compiled, configure cannot ask the system for its name, nor run what it has compiled.
if [ "$BUILD" != "$HOST" ]; then
    export MACHDEP=darwin ac_sys_system=Darwin ac_sys_release=20.0.0
    arguments+=("--with-build-python=$BUILD_PYTHON")
fi

# libpython has everything in it, as on Linux, and nothing is left to be found elsewhere when it is loaded; it is found
# beside whoever asks for it.
relocatable_library() {
    edit Makefile \
        's|-Wl,-install_name,$(prefix)/lib/libpython|-Wl,-install_name,@rpath/libpython|' \
        '/-dynamiclib/s|-undefined dynamic_lookup ||' \
        '/-dynamiclib/s|$(LIBRARY_OBJS) $(DTRACE_OBJS)|$(LIBRARY_OBJS) $(DTRACE_OBJS) $(MODLIBS)|'
}
