"""What the interpreter takes from the system: sockets, processes, certificates, time zones, users."""

from __future__ import annotations

import socket
import subprocess

from .table import argv, timeout, works


@works("sockets, polling, asyncio", "_socket", "select", "_asyncio")
def sockets() -> None:
    import asyncio
    import select

    left, right = socket.socketpair()
    with left, right:
        left.send(b"x")
        poll = select.epoll()
        poll.register(right, select.EPOLLIN)
        assert poll.poll(5)
        poll.close()
    assert socket.has_ipv6

    async def echo() -> bytes:
        process = await asyncio.create_subprocess_exec(*argv("-c", "print(42)"), stdout=subprocess.PIPE)
        return (await asyncio.wait_for(process.communicate(), timeout()))[0]

    assert asyncio.run(echo()) == b"42\n"
