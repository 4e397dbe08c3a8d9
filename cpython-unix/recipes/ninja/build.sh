# shellcheck shell=bash
# ninja: what builds LLVM. It shares the jobserver with the other steps, which the distribution's own does not yet.
CXX="$CXX" CFLAGS="$CXXFLAGS" LDFLAGS="-static-libstdc++ -static-libgcc" python3 configure.py --bootstrap
install -D -s -m 755 ninja "$OUT/tools/host/bin/ninja"
