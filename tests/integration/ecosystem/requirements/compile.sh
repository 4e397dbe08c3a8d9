#!/bin/sh
# Pin, with hashes, the packages that the tests install on the built Python.
#
#     tests/integration/ecosystem/requirements/compile.sh [--upgrade]
#
# needs uv. Wheels are those that run on the distribution's own floor (manylinux2014); resolved for the oldest series,
# so that one list serves all of them.
set -eu
cd "$(dirname "$0")"
for name in packages sdists tools; do
    only=
    if [ "$name" = packages ]; then only='--only-binary=:all:'; fi
    uv pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux2014 --generate-hashes \
        --no-emit-index-url --no-emit-find-links ${only:+"$only"} \
        --custom-compile-command tests/integration/ecosystem/requirements/compile.sh "$@" \
        --output-file "$name.txt" "$name.in"
done
