"""Clones as they may be: odd, damaged, cut short, somebody else's, or set as traps."""

import os
from pathlib import Path

import pytest

from app.exchange.refusals import FileRefused
from app.exchange.repo_info import open_pages
from app.exchange.repo_info_git import open_clone
from tests.exchange.repo_info_history import FIRST, Git
from tests.exchange.repo_info_reading import DAY, PATH, alpine, facts, refusals, sizes


def test_what_is_no_page_is_refused(tmp_path: Path) -> None:
    """Names that are no text, symbolic links, huge files; files elsewhere are not looked at."""
    git = Git(tmp_path)
    (tmp_path / "repos/alpine/remote").mkdir(parents=True)
    (tmp_path / "repos/alpine/remote/link.md").symlink_to("/etc/passwd")
    strange = tmp_path / "repos/alpine/remote" / b"\xff\x1b.md".decode("utf-8", "surrogateescape")
    strange.write_text(alpine(1))
    files: dict[str, str | bytes | None] = {
        "repos/alpine/remote/long.md": b"x" * (5 * 1024 * 1024),
        "repos/alpine/local/latest.md": "# `alpine:latest`\n",
        "repos/alpine/remote/deep/latest.md": alpine(1),
        PATH: alpine(1),
    }
    git.commit(files, FIRST)
    assert sizes(tmp_path) == [(FIRST, 1)]
    assert sorted(reason.partition(":")[0] for _, reason in refusals(tmp_path)) == [
        "a page of more than two megabytes",
        "not a plain file",
        "the page's title is another tag than its path",
    ]


def test_a_blob_that_comes_back_is_told_each_time(tmp_path: Path) -> None:
    """Reverts name it again: it is remembered, and a fact of its own time."""
    git = Git(tmp_path)
    for number in range(6):
        git.commit({PATH: alpine(1 + number % 2)}, FIRST + number * DAY)
    assert [size for _, size in sizes(tmp_path)] == [1, 2, 1, 2, 1, 2]


def test_missing_blobs_are_told(tmp_path: Path) -> None:
    """A damaged clone gives what it has."""
    git = Git(tmp_path)
    git.commit({PATH: alpine(1)}, FIRST)
    git.commit({PATH: alpine(2)}, FIRST + DAY)
    blob = git("rev-parse", f"HEAD~1:{PATH}").strip()
    (tmp_path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    assert sizes(tmp_path) == [(FIRST + DAY, 2)]
    assert [reason for _, reason in refusals(tmp_path)] == ["the clone lacks this version of the page"]


def test_a_partial_clone_is_refused(tmp_path: Path) -> None:
    """It has the history without the pages, and git would fetch each of them by itself."""
    git = Git(tmp_path / "whole")
    git.commit({PATH: alpine(1)}, FIRST)
    git("config", "uploadpack.allowFilter", "true")
    git("clone", "-q", "--bare", "--filter=blob:none", f"file://{git.folder}", str(tmp_path / "partial"))
    with pytest.raises(FileRefused, match="a partial clone"):
        facts(tmp_path / "partial")


def test_a_shallow_clone_is_noted(tmp_path: Path) -> None:
    """Its past is cut off, and whoever runs this should know."""
    git = Git(tmp_path / "whole")
    git.commit({PATH: alpine(1)}, FIRST)
    git.commit({PATH: alpine(2)}, FIRST + DAY)
    git("clone", "-q", "--depth=1", f"file://{git.folder}", str(tmp_path / "shallow"))
    with open_pages(tmp_path / "shallow") as pages:
        assert pages.count == 1
        assert pages.notes[0].startswith("a shallow clone")


def test_nothing_that_a_clone_names_is_run(tmp_path: Path) -> None:
    """Pagers, monitors, signature checkers, filters: a clone from a stranger can name any of them."""
    git = Git(tmp_path / "clone")
    git.commit({PATH: alpine(1), ".gitattributes": "*.md diff=evil filter=evil"}, FIRST)
    _sign(git)
    trap, sprung = tmp_path / "trap", tmp_path / "sprung"
    trap.write_text(f"#!/bin/sh\necho sprung >> {sprung}\n")
    trap.chmod(0o755)
    programs = (
        "core.pager",
        "core.fsmonitor",
        "gpg.program",
        "diff.evil.textconv",
        "diff.external",
        "filter.evil.smudge",
    )
    for name in programs:
        git("config", name, str(trap))
    for name, value in {"log.showSignature": "true", "log.showRoot": "false", "log.follow": "true"}.items():
        git("config", name, value)
    git("log")
    assert sprung.exists(), "the trap works"
    sprung.unlink()
    assert len(facts(git.folder)) == 1
    assert not sprung.exists()


def test_settings_of_a_clone_spoil_no_listing(tmp_path: Path) -> None:
    """Neither a file that git would wait for (or read without end), nor another encoding of what it prints."""
    git = Git(tmp_path / "clone")
    git.commit({PATH: alpine(1)}, FIRST)
    os.mkfifo(tmp_path / "pipe")
    git("config", "diff.orderFile", str(tmp_path / "pipe"))
    git("config", "i18n.logOutputEncoding", "UTF-16")
    assert sizes(git.folder) == [(FIRST, 1)]


@pytest.mark.parametrize("place", ["pipe", "clone/.git/objects/info/alternates"])
def test_git_is_not_waited_for_without_end(tmp_path: Path, place: str) -> None:
    """A configuration that includes a pipe, or a store of objects that is listed in one."""
    git = Git(tmp_path / "clone")
    git.commit({PATH: alpine(1)}, FIRST)
    (tmp_path / "clone/.git/objects/info").mkdir(exist_ok=True)
    git("config", "include.path", str(tmp_path / "pipe"))
    os.mkfifo(tmp_path / place)
    with pytest.raises(FileRefused, match="git does not come to an end"), open_clone(git.folder, patience=0.5):
        pass


def _sign(git: Git) -> None:
    """Put a signature under the last commit, of a kind that git has checked by a program."""
    head, _, message = git("cat-file", "commit", "HEAD").partition("\n\n")
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n none\n -----END PGP SIGNATURE-----"
    signed = git("hash-object", "-t", "commit", "-w", "--stdin", feed=f"{head}\n{signature}\n\n{message}".encode())
    git("update-ref", "HEAD", signed.strip())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_clone_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git's own rule, and how to lift it."""
    git = Git(tmp_path / "clone")
    git.commit({PATH: alpine(1)}, FIRST)
    os.chown(git.folder, 12345, -1)
    os.chown(git.folder / ".git", 12345, -1)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    with pytest.raises(FileRefused, match=r"git config --global --add safe\.directory"):
        facts(git.folder)
    (tmp_path / ".gitconfig").write_text(f"[safe]\n\tdirectory = {git.folder}\n")
    assert len(facts(git.folder)) == 1


def test_not_a_repository(tmp_path: Path) -> None:
    """One line says what is wrong."""
    for folder, message in {
        tmp_path / "nowhere": "no folder",
        tmp_path: "no pages",
        Git(tmp_path / "empty").folder: "a repository without commits",
        _broken(tmp_path / "broken"): "git cannot read it: fatal: not a git repository",
        _without_pages(tmp_path / "other"): "no pages",
    }.items():
        with pytest.raises(FileRefused, match=message):
            facts(folder)


def _broken(folder: Path) -> Path:
    (folder / ".git").mkdir(parents=True)
    return folder


def _without_pages(folder: Path) -> Path:
    Git(folder).commit({"README.md": "# something else\n"}, FIRST)
    return folder


def test_git_is_needed_for_a_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And only for a clone."""
    git = Git(tmp_path)
    git.commit({PATH: alpine(1)}, FIRST)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileRefused, match="git is not installed"):
        facts(tmp_path)


def test_a_repository_around_a_folder_is_not_its_history(tmp_path: Path) -> None:
    """Pages that lie inside of somebody's repository are a folder of pages."""
    git = Git(tmp_path)
    git.commit({"kept/latest.md": alpine(1)}, FIRST)
    (fact,) = facts(tmp_path / "kept")
    assert fact.source == "latest.md"
