"""`tarewatch import repo-info`, as it is typed."""

import json
from pathlib import Path

from tests.cli.in_process import Tarewatch
from tests.exchange.repo_info_history import FIRST, Git
from tests.exchange.repo_info_pages import missing_page, page, platform
from tests.ops.commands import tarewatch

GOOD = page("alpine:latest", [platform()])


def test_a_clean_history_ends_with_0(tmp_path: Path, sqlite_url: str) -> None:
    """Pages that say nothing are no finding."""
    git = Git(tmp_path / "clone", bare=False)
    git.commit({"repos/alpine/remote/latest.md": GOOD}, FIRST)
    git.commit({"repos/alpine/remote/3.md": missing_page("alpine:3")}, FIRST)
    run = Tarewatch(tmp_path, sqlite_url)
    ran = run("import", "repo-info", str(tmp_path / "clone"), "--json")
    assert (ran.code, ran.err) == (0, "")
    report = json.loads(ran.out)
    assert (report["pages"], report["silent"], report["new"], report["refused"]) == (2, 1, 1, 0)
    again = run("import", "repo-info", str(tmp_path / "clone"))
    assert again.code == 0
    assert "1 read, 0 new, 1 known, 0 overlapping what was observed, 0 refused" in again.out


def test_refused_pages_are_a_finding(tmp_path: Path, sqlite_url: str) -> None:
    """They are told without steering the terminal, and the others are written."""
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/good.md").write_text(GOOD)
    (tmp_path / "pages/b\x1b[2Jad.md").write_text("## `\x1b]0;owned\x07`\n\n**does not exist** (yet?)\n")
    ran = Tarewatch(tmp_path, sqlite_url)("import", "repo-info", str(tmp_path / "pages"))
    assert ran.code == 1
    assert "1 new" in ran.out
    assert "1 refused" in ran.out
    assert "\x1b" not in ran.out + ran.err


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    """And leaves no database behind."""
    ran = tarewatch(tmp_path, "import", "repo-info", "nowhere")
    assert ran.code == 2
    assert ran.err.startswith("tarewatch: nowhere: no folder")
    assert ran.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
