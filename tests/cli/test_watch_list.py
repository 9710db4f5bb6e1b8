"""The watch list on the command line: import, apply, list, and what goes wrong."""

import json
from pathlib import Path

import pytest

from tests.cli.in_process import Tarewatch


@pytest.fixture
def run(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Tarewatch:
    """`tarewatch ...` in a folder with a database of its own."""
    monkeypatch.chdir(tmp_path)
    return Tarewatch(tmp_path, sqlite_url)


def watched(run: Tarewatch) -> dict[str, dict[str, object]]:
    """The watches by name."""
    listed: list[dict[str, object]] = json.loads(run("watch", "list", "--json").out)
    return {str(watch["image"]): watch for watch in listed}


def test_import_shows_adds_and_retires(run: Tarewatch) -> None:
    """A dry run changes nothing; importing adds; what is gone is listed, and removed with --retire."""
    dockerfile = run.folder / "src" / "Dockerfile"
    dockerfile.parent.mkdir()
    dockerfile.write_text("ARG V\nFROM alpine:3.22 AS build\nFROM debian:$V\n")
    (dockerfile.parent / "bad.yaml").write_text("a: [")
    shown = run("watch", "import", "src", "--dry-run")
    assert [line.split() for line in shown.out.splitlines()[1:3]] == [
        ["alpine:3.22", "Dockerfile:2", "(stage", "build)", "new"],
        ["debian:$V", "Dockerfile:3", "(stage", "1)", "cannot", "tell:", "ARG", "V", "has", "no", "default"],
    ]
    assert "1 file read; 1 watch would be added, 0 watched already, 1 cannot be told" in shown.out
    assert shown.err.startswith("not read: bad.yaml: no YAML: ")
    assert watched(run) == {}
    added = run("watch", "import", "src", "--interval", "1d", "--platform", "linux/amd64", "--json")
    assert json.loads(added.out)["new"] == ["alpine:3.22"]
    watch = watched(run)["alpine:3.22"]
    assert watch["sources"] == [{"root": str(dockerfile.parent), "location": "Dockerfile:2"}]
    assert (watch["origin"], watch["platforms"], watch["interval_seconds"]) == ("import", ["linux/amd64"], 86_400)
    assert "Dockerfile:2" in run("watch", "list").out
    dockerfile.write_text("FROM scratch\n")
    offered = run("watch", "import", "src")
    assert "found no more: alpine:3.22 (was in Dockerfile:2)\n`--retire` removes them" in offered.out
    assert "no longer watching alpine:3.22" in run("watch", "import", "src", "--retire").out
    assert watched(run) == {}


def test_apply_by_its_exit_codes(run: Tarewatch) -> None:
    """1 while there are differences, 2 where nobody can be asked or the file is wrong, 0 once it is true."""
    file = run.folder / "tarewatch.toml"
    run("watch", "add", "busybox")
    file.write_text('[[watches]]\nimage = "alpine:3.2*"\ninterval = "6h"\n')
    shown = run("apply", "--dry-run")
    assert (shown.code, shown.out) == (1, "+ alpine:3.2*\n1 watch not managed by tarewatch.toml\n")
    refused = run("apply")
    assert (refused.code, "--yes" in refused.err) == (2, True)
    assert (run("apply", "--yes").code, run("apply").code) == (0, 0)
    listed = run("watch", "list", "--toml").out
    assert listed == '[[watches]]\nimage = "alpine:3.2*"\ninterval = "6h"\n\n[[watches]]\nimage = "busybox:latest"\n'
    file.write_text(listed)
    assert "~ busybox:latest: managed by cli -> apply" in run("apply", "--yes").out
    file.write_text("")
    assert run("apply", "--yes").out == "- alpine:3.2*\n- busybox:latest\ndone\n"
    assert watched(run) == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("watch", "import", "nothing"), "nothing cannot be imported: No such file or directory"),
        (("watch", "import", ".", "--interval", "often"), "'often' is not an interval"),
        (("apply", "missing.toml"), "missing.toml cannot be read: No such file or directory"),
        (("prune",), "say how old is old: --older-than 180d, or TAREWATCH_KEEP_DETAILS"),
        (("prune", "--older-than", "old"), "--older-than: 'old' is not a duration"),
        (("prune", "--older-than", "1h"), "--older-than: a day at least"),
    ],
)
def test_mistakes_are_one_line(run: Tarewatch, words: tuple[str, ...], said: str) -> None:
    """What is wrong and what to do, with exit code 2, and nothing on standard output."""
    ran = run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert said in " ".join(ran.err.split())


def test_prune_on_an_empty_database(run: Tarewatch) -> None:
    """Nothing to remove is fine, with and without JSON."""
    assert "removed the layers of 0 manifests" in run("prune", "--older-than", "180d").out
    answer = json.loads(run("prune", "--older-than", "180d", "--dry-run", "--json").out)
    assert (answer["manifests"], answer["layers"], answer["dry_run"]) == (0, 0, True)


def test_no_name_is_cut(run: Tarewatch) -> None:
    """Without a terminal nothing is as wide as one: whole names, a watch on one line, a problem on one line."""
    image = f"registry.example.org/a-team-with-a-long-name/{'a-long-name-' * 5}end:{'1.2.3-' * 10}final"
    run("watch", "add", image, "--interval", "36h")
    (line,) = [line for line in run("watch", "list").out.splitlines() if "registry" in line]
    assert line.split() == ["1", image, "all", "36h", "1", "cli", "active"]
    (run.folder / "Dockerfile").write_text(f"FROM {image}\n")
    (run.folder / f"{'long-' * 20}.yaml").write_text("a: [")
    shown = run("watch", "import", ".")
    assert image in shown.out
    assert len(shown.err.splitlines()) == 1
