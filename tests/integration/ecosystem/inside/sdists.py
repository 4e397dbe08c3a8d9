"""One real thing with each package that was compiled: run as ``sdists.py PACKAGE``."""

from __future__ import annotations

import sys
import threading


def greenlet() -> None:
    """Switch C stacks, with exceptions and from two threads."""
    import greenlet as module

    log = []

    def other(parent: module.greenlet) -> None:
        log.append("first")
        parent.switch()
        log.append("second")
        raise KeyError("through")

    def run() -> None:
        child = module.greenlet(other)
        child.switch(module.getcurrent())
        try:
            child.switch()
        except KeyError:
            log.append("caught")

    run()
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert log == ["first", "second", "caught"] * 2
    assert module._greenlet.__file__.endswith(".so")


def markupsafe() -> None:
    from markupsafe import _speedups, escape

    assert escape("<a & b>") == "&lt;a &amp; b&gt;"
    assert _speedups.__file__.endswith(".so")


def msgpack() -> None:
    import msgpack as module
    from msgpack import _cmsgpack

    value = {"a": [1, 2.5, None, True, b"\0", "ü"], "big": 2**63}
    assert module.unpackb(module.packb(value)) == value
    assert module.Packer is _cmsgpack.Packer
    assert _cmsgpack.__file__.endswith(".so")


def main(package: str) -> None:
    globals()[package]()
    print(f"{package} works")


if __name__ == "__main__":
    main(sys.argv[1])
