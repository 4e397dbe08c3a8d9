"""CPython's own test suite, run by a built interpreter: what failed, what was expected to, and who else fails.

::

    environment                          │ host
                                         │
    driver.py ── recorder.py (one a file)│ running.py ──► records.py ──► verdict.py ──► report.py, junit.py
      its lines: a case, a file, the end │  starts it      reads them      expectations.py (the YAML file)

Each file of the suite has a process of its own, so a crash takes nothing else along and its tests are known by name.
"""
