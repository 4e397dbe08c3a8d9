from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild.cli import generated, reference
from pythonbuild.cli.help import help_text, version_text
from pythonbuild.cli.options import COMMANDS
from pythonbuild.errors import ConfigError


def test_documents_are_up_to_date() -> None:
    generated.check(Path(__file__).parents[3])


def test_a_stale_document_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated, "DOCUMENTS", {"a.rst": lambda _: "one\ntwo\n"})
    assert generated.write(tmp_path) == ["a.rst"]
    assert generated.write(tmp_path) == []
    (tmp_path / "a.rst").write_text("one\nthree\n")
    with pytest.raises(ConfigError, match=r"a\.rst:2: not up to date; run"):
        generated.check(tmp_path)


def test_every_flag_and_event_is_told() -> None:
    text = reference.render()
    for word in ("``--cache-dir DIR``", "``PYTHONBUILD_CACHE_DIR``", "``StepFinished``", "``why STEP``"):
        assert word in text


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name or "build")
def test_help_is_short_and_narrow(command: object) -> None:
    text = help_text(command, "build-linux.py")  # type: ignore[arg-type]
    lines = text.splitlines()
    assert len(lines) < 80
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith("usage: ./build-linux.py")


def test_version_names_the_commit(tmp_path: Path) -> None:
    assert "(" not in version_text("x", tmp_path)
    git = tmp_path / ".git"
    git.mkdir()
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text("# pack-refs\n0123456789abcdef refs/heads/main\n")
    assert "(0123456789ab)" in version_text("x", tmp_path)
    (git / "refs/heads").mkdir(parents=True)
    (git / "refs/heads/main").write_text("fedcba9876543210\n")
    assert "(fedcba987654)" in version_text("x", tmp_path)
