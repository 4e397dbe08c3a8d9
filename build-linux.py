#!/usr/bin/env python3
"""Build a self-contained CPython distribution for Linux; ``--help`` tells how."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120

from pythonbuild.bootstrap import start

if __name__ == "__main__":
    start("linux", __file__)
