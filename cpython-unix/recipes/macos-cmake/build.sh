# shellcheck shell=bash
# macos-cmake: CMake's own program and its modules, from the Python package CMAKE_PACKAGE. The program finds them beside
# itself.
host=$OUT/tools/host
python3 -c '
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    wanted = ("cmake/data/bin/cmake", "cmake/data/share/cmake-")
    wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.startswith(wanted)])
' "$STEP_SOURCES/$CMAKE_PACKAGE" "$STEP_BUILD/package"
place 755 "$host/bin" "$STEP_BUILD/package/cmake/data/bin/cmake"
cp -R "$STEP_BUILD/package/cmake/data/share" "$host/"
