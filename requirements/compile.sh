#!/bin/sh
# Pin what the .in files name, with hashes, for every platform and every Python from 3.11 on.
#
#     requirements/compile.sh [--upgrade]
#
# needs uv. Extras stay beside their pins: pip 23 takes the newest version of a package that another one asks for
# with an extra, pinned or not, and then misses its hash. The results hold no index address: they come from whatever
# index this machine is set up for.
set -eu
cd "$(dirname "$0")"
pin() {
    uv pip compile --quiet --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-emit-find-links --custom-compile-command requirements/compile.sh "$@"
}
pin "$@" --output-file ../requirements.txt runtime.in
pin "$@" --output-file ../requirements-dev.txt development.in
pin "$@" --output-file signing.txt signing.in
pin "$@" --output-file benchmarks.txt benchmarks.in
