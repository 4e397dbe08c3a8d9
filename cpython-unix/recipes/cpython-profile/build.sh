# shellcheck shell=bash
# CPython's profile: an instrumented interpreter does what PROFILE_TASK (full or quick) says, and counts. The result is
# /out/tools/profile/cpython.profdata; it depends on time and chance. What the cpython recipe makes of it does not.
# A free-threaded interpreter (BUILD_OPTIONS is freethreaded+pgo instead of pgo) is other code, and learns for itself.
#
# Its objects are compiled without LTO: the counters are placed before anything that LTO does, so the profile is the same
# for every build that uses one, and the instrumented programs are linked in a second instead of minutes.

# shellcheck source=cpython-unix/recipes/cpython/prepare.sh
. "$STEP_RECIPE/prepare.sh"

# What configure and make run on their way is no example of what users run.
export LLVM_PROFILE_FILE=/dev/null
make "${make_variables[@]}" CFLAGS_NODIST=-fprofile-generate LDFLAGS_NODIST=-fprofile-generate "$program" platform

# %4m: all processes add to the same few files, under a lock.
mkdir "$STEP_BUILD/profiles"
export LLVM_PROFILE_FILE=$STEP_BUILD/profiles/%4m.profraw
case $PROFILE_TASK in
    full) "./$program" -m test --pgo --timeout=1200 ;;
    quick) "./$program" -m test --pgo --timeout=1200 test_array test_float ;;
    *) echo "PROFILE_TASK: unknown value $PROFILE_TASK" >&2; exit 1 ;;
esac
"./$program" -I "$STEP_RECIPE/training/train.py" "$PROFILE_TASK"

unset LLVM_PROFILE_FILE
mkdir -p "$OUT/tools/profile"
${LLVM_PROFDATA:-llvm-profdata} merge --output="$OUT/tools/profile/cpython.profdata" "$STEP_BUILD"/profiles/*.profraw
python3 "$STEP_RECIPE/profile_report.py" check "$OUT/tools/profile/cpython.profdata"
