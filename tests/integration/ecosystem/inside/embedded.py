"""What embed.c runs: prints where this Python is after using what it is made of."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import ssl
import sys
import threading

seen: list[int] = []


def from_thread() -> None:
    """Called from each of the program's own threads."""
    seen.append(threading.get_ident())


def finish() -> None:
    assert len(seen) == 4, seen
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED
    assert hashlib.sha256(b"").hexdigest().startswith("e3b0c442")
    assert sqlite3.connect(":memory:").execute("select 1").fetchone() == (1,)
    worker = threading.Thread(target=seen.append, args=(0,))
    worker.start()
    worker.join()
    assert len(seen) == 5
    print(json.dumps({"prefix": sys.prefix, "exec_prefix": sys.exec_prefix, "json": json.__file__}), flush=True)
