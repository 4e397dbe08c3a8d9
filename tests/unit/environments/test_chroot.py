from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from pythonbuild.environments import chroot
from pythonbuild.environments.chroot import Chroots, hand_over, link_tree, make_dev, move_back, move_in, open_slot
from pythonbuild.errors import MachineError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def make_tree(place: Path) -> Path:
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "tool").write_text("tool")
    (place / "bin" / "tool").chmod(0o755)
    (place / "bin" / "link").symlink_to("tool")
    (place / "secret").write_text("secret")
    (place / "secret").chmod(0o700)
    (place / "open").mkdir()
    (place / "open").chmod(0o1777)
    os.utime(place / "bin", (1, 1))
    return place


def test_a_tree_is_hard_linked_and_readable_for_everybody(tmp_path: Path) -> None:
    source = make_tree(tmp_path / "source")
    copy = tmp_path / "copy"
    link_tree(str(source), str(copy))
    assert (copy / "bin" / "tool").samefile(source / "bin" / "tool")
    assert (copy / "bin" / "link").readlink() == Path("tool")
    assert (copy / "bin").stat().st_mtime == 1
    assert not (copy / "secret").samefile(source / "secret"), "another mode needs another file"
    assert (mode(copy / "secret"), mode(source / "secret")) == (0o755, 0o700)
    assert mode(copy / "open") == 0o755, "nobody but its owner may write to it"


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EMLINK])
def test_what_cannot_be_linked_is_copied(tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_tree(tmp_path / "source")

    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    link_tree(str(source), str(tmp_path / "copy"))
    assert (tmp_path / "copy" / "bin" / "tool").read_text() == "tool"
    assert (tmp_path / "copy" / "bin" / "link").is_symlink()


def test_other_errors_of_linking_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_tree(tmp_path / "source")
    monkeypatch.setattr(os, "link", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(OSError, match="full"):
        link_tree(str(source), str(tmp_path / "copy"))


def test_moved_in_and_back(tmp_path: Path) -> None:
    source, target = tmp_path / "build", tmp_path / "slot"
    make_tree(source)
    target.mkdir()
    os.mkfifo(source / "fifo", 0o600)
    move_in(source, target, os.geteuid())
    assert [path.name for path in source.iterdir()] == ["fifo"], "a fifo is shared with others"
    assert (target / "fifo").samefile(source / "fifo")
    assert mode(source / "fifo") == 0o666
    (target / "result").touch()
    move_back(target, source)
    assert sorted(path.name for path in source.iterdir()) == ["bin", "fifo", "open", "result", "secret"]
    assert (source / "bin" / "tool").read_text() == "tool"


def test_a_file_with_further_links_is_not_given_away(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("blob")
    (tmp_path / "mine").hardlink_to(tmp_path / "store")
    (tmp_path / "mine").chmod(0o4755)
    hand_over(tmp_path / "mine", os.geteuid(), os.getegid(), unshare=True)
    assert not (tmp_path / "mine").samefile(tmp_path / "store")
    assert mode(tmp_path / "mine") == 0o4755


def test_slots_are_claimed_by_one_holder_and_leave_nothing(tmp_path: Path) -> None:
    first, second = open_slot(tmp_path / "work"), open_slot(tmp_path / "work")
    assert first.uid != second.uid
    chroots = Chroots(tmp_path)
    chroots._free = [first, second]
    chroots.close()
    assert list((tmp_path / "work").iterdir()) == []
    again = open_slot(tmp_path / "work")
    assert again.uid == first.uid
    chroots._free = [again]
    chroots.close()


def test_no_free_slot_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chroot, "SLOTS", 0)
    with pytest.raises(MachineError, match="no free user id"):
        open_slot(tmp_path)


def test_no_device_nodes_is_an_error_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "mknod", refuse)
    with pytest.raises(MachineError, match="capability MKNOD"):
        make_dev(tmp_path / "dev")
