"""Run CPython's own test suite with the Python of this distribution.

    python/install/bin/python3 python/build/run_tests.py [arguments of python -m test]

Any Python can run this script; what is tested is this distribution's own.
"""

import json
import os
import sys
from pathlib import Path

top = Path(__file__).resolve().parents[1]
description = json.loads((top / "PYTHON.json").read_text(encoding="utf-8"))
interpreter = str(top / description["python_exe"])
stdlib = description.get("python_stdlib") or description["python_paths"]["stdlib"]
if not (top / stdlib / "test" / "__main__.py").is_file():
    sys.exit(f"{top}: this distribution was built without the tests")
os.execv(interpreter, [interpreter, "-m", "test", *sys.argv[1:]])  # noqa: S606 - there is nothing for a shell to do
