"""What is dropped from memory and read again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import page_cache
from benchmarks.page_cache import read_again


def test_each_file_is_read_whole_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree/below").mkdir(parents=True)
    (tmp_path / "tree/below/large").write_bytes(b"x" * (page_cache._BLOCK * 2 + 1))
    os.link(tmp_path / "tree/below/large", tmp_path / "tree/same")
    (tmp_path / "tree/empty").touch()
    (tmp_path / "tree/elsewhere").symlink_to("/nowhere")
    os.mkfifo(tmp_path / "tree/pipe")
    read, advice = [], []
    real_read, real_advise = os.read, os.posix_fadvise

    def counting(descriptor: int, size: int) -> bytes:
        block = real_read(descriptor, size)
        read.append(len(block))
        return block

    def advising(descriptor: int, offset: int, length: int, what: int) -> None:
        advice.append(what)
        real_advise(descriptor, offset, length, what)

    monkeypatch.setattr(os, "read", counting)
    monkeypatch.setattr(os, "posix_fadvise", advising)
    assert read_again([tmp_path / "tree", tmp_path / "tree/below"]) == 2
    assert sum(read) == page_cache._BLOCK * 2 + 1
    assert advice.count(os.POSIX_FADV_DONTNEED) == 2
