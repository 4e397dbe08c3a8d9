#!/bin/sh
# Pin what the .in files name, with hashes, for every platform and every Python from 3.11 on.
#
#     requirements/compile.sh [--upgrade]
#
# needs uv. The results hold no index address: they come from whatever index this machine is set up for.
set -eu
cd "$(dirname "$0")"
for name in requirements requirements-dev; do
    case $name in requirements) input=runtime.in ;; *) input=development.in ;; esac
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-emit-find-links --custom-compile-command requirements/compile.sh "$@" --output-file "../$name.txt" "$input"
done
