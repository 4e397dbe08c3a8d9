# shellcheck shell=bash
# Upstream's shared libraries, with its symbol versions and the features of the static ones.
. /recipe/shared.sh
build_with no-shared shared
keep_libraries
