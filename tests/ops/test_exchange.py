"""Files in and out on the command line: exit codes, standard input and output, gzip, files that appear whole."""

import gzip
import json
import subprocess
from pathlib import Path

import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from app.cli.export import app
from tests.cli.in_process import Tarewatch
from tests.exchange.files import HEADER, build, digest, lines, row, table
from tests.ops.commands import TAREWATCH, environment, tarewatch

GOOD = table(row(), row(tag="12", digest=digest("two"), compressed_bytes="7"))


@pytest.fixture
def run(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Tarewatch:
    """`tarewatch ...` in a folder, on the same database each time."""
    monkeypatch.chdir(tmp_path)
    return Tarewatch(tmp_path, sqlite_url)


def test_in_and_out(tmp_path: Path, run: Tarewatch) -> None:
    """Plain or packed, a file's builds come out again; the report says what happened."""
    (tmp_path / "sizes.csv.gz").write_bytes(gzip.compress(GOOD))
    tried = run("import", "csv", "sizes.csv.gz", "--dry-run", "--json")
    assert tried.code == 0
    assert json.loads(tried.out) == {
        "outcome": "dry run",
        "read": 2,
        "new": 2,
        "known": 0,
        "overlapping": 0,
        "layered": 0,
        "refused": 0,
        "reasons": {},
        "examples": [],
        "notes": [],
    }
    taken = run("import", "csv", "sizes.csv.gz")
    assert (taken.code, taken.err) == (0, "")
    assert taken.out == "2 read, 2 new, 0 known, 0 overlapping what was observed, 0 refused\n"
    out = run("export", "csv", "--image", "debian:b*", "--platform", "linux/amd64", "--since", "2026-01-01")
    assert (out.code, out.out.count("\n")) == (0, 2)
    assert out.out.splitlines()[1].startswith("debian,bookworm,linux/amd64,2026-01-05T18:20:45Z,,,import,sizes.csv.gz,")
    assert run("export", "jsonl", "--until", "2025-12-31").out == ""
    misspelled = run("export", "csv", "--image", "debain")
    assert (misspelled.code, misspelled.out) == (2, "")
    assert "nothing is recorded of debain; there is debian" in misspelled.err
    backwards = run("export", "csv", "--since", "2026-01-02", "--until", "2026-01-01")
    assert (backwards.code, "--since 2026-01-02 is later than --until 2026-01-01" in backwards.err) == (2, True)


def test_refused(tmp_path: Path, run: Tarewatch) -> None:
    """2 and nothing written; 1 and the rest written."""
    (tmp_path / "sizes.csv").write_bytes(GOOD + row(tag="=cmd()").encode() + b"\n")
    refused = run("import", "csv", "sizes.csv")
    assert refused.code == 2
    assert refused.out.splitlines() == [
        "sizes.csv:4: not a tag: '=cmd()'",
        "3 read, 0 new, 0 known, 0 overlapping what was observed, 1 refused; nothing written",
    ]
    rest = run("import", "csv", "sizes.csv", "--keep-going")
    assert rest.code == 1
    assert "3 read, 2 new" in rest.out


def test_layers_for_what_is_known(run: Tarewatch) -> None:
    """A file that adds nothing but layers says that it did; with `--dry-run` too, and not the second time."""
    assert run("import", "csv", "-", stdin=GOOD).code == 0
    layer = {"digest": digest("layer"), "compressed_bytes": 48_497_210, "media_type": "application/x"}
    file = lines(build(layer_list=[layer]))
    said = "1 read, 0 new, 1 known, 0 overlapping what was observed, 0 refused"
    new = f"{said}; the layers of 1 manifest are new"
    assert run("import", "jsonl", "-", "--dry-run", stdin=file).out == f"{new}; dry run, nothing written\n"
    assert run("import", "jsonl", "-", stdin=file).out == f"{new}\n"
    assert run("import", "jsonl", "-", stdin=file).out == f"{said}\n"


def test_files_that_cannot_be_read(tmp_path: Path, run: Tarewatch) -> None:
    """One line, also when told to keep going."""
    (tmp_path / "cut.csv").write_bytes(gzip.compress(GOOD)[:-9])
    for name, reason in (("none.csv", "No such file or directory"), ("cut.csv", "cannot be read")):
        ran = run("import", "csv", name, "--keep-going")
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
        assert ran.err.startswith(f"tarewatch: {name}:")
        assert reason in ran.err


def test_standard_input(run: Tarewatch) -> None:
    """It is read like a file, and called stdin."""
    refused = run("import", "jsonl", "-", stdin=lines(build(), build(tag="?")))
    assert (refused.code, refused.out.splitlines()[0]) == (2, "stdin:2: not a tag: '?'")
    assert run("import", "jsonl", "-", stdin=lines(build())).code == 0
    assert ",import,stdin," in run("export", "csv").out


def test_a_file_appears_whole(tmp_path: Path, run: Tarewatch) -> None:
    """The old one stays until the new one is complete, and nothing else is left in the folder."""
    (tmp_path / "sizes.csv").write_bytes(GOOD)
    run("import", "csv", "sizes.csv")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "old.csv").write_text("old", encoding="utf-8")
    (folder / "link.csv").symlink_to("old.csv")
    assert run("export", "csv", "--output", "out/link.csv").code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["link.csv", "old.csv"]
    assert (folder / "link.csv").is_symlink()
    assert (folder / "old.csv").read_text(encoding="utf-8").startswith("repository,tag,")
    missing = run("export", "csv", "--output", "nowhere/new.csv")
    assert (missing.code, missing.out) == (2, "")
    assert "cannot write nowhere/new.csv" in " ".join(missing.err.split())


def test_parquet(tmp_path: Path, run: Tarewatch) -> None:
    """Times are timestamps, bytes are integers."""
    (tmp_path / "sizes.csv").write_bytes(GOOD)
    run("import", "csv", "sizes.csv")
    assert run("export", "parquet", "--output", "sizes.parquet").code == 0
    found = pyarrow.parquet.read_table(tmp_path / "sizes.parquet")
    assert found.column_names[:3] == HEADER.split(",")[:3]
    assert found["compressed_bytes"].to_pylist() == [7, 48_497_210]
    assert [at.isoformat() for at in found["first_seen_at"].to_pylist()] == ["2026-01-05T18:20:45+00:00"] * 2


def test_without_pyarrow(tmp_path: Path) -> None:
    """How to get it, and nothing else happens."""
    (tmp_path / "pyarrow.py").write_text("raise ImportError", encoding="utf-8")
    ran = tarewatch(tmp_path, "export", "parquet", "--output", "sizes.parquet", PYTHONPATH=str(tmp_path))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "tarewatch: Parquet needs pyarrow: pip install 'tarewatch[parquet]'\n"
    assert not (tmp_path / "sizes.parquet").exists()


def test_a_reader_that_has_had_enough(tmp_path: Path, run: Tarewatch) -> None:
    """`tarewatch export csv | head -1` ends quietly."""
    rows = [row(tag=f"t{n}", digest=digest(n)) for n in range(3_000)]
    (tmp_path / "sizes.csv").write_bytes(table(*rows))
    run("import", "csv", "sizes.csv")
    command = f"'{TAREWATCH}' export csv | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env=environment(tmp_path, {"TAREWATCH_DATABASE_URL": run.url}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines()[1] == "0"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--image", "Debian"), "capital letters"),
        (("--image", "debian@sha256:0"), "a repository is wanted, without a digest"),
        (("--image", "debian:12", "--tag", "13"), "--image names the tag '12' already"),
        (("--platform", "amd64"), "is not a platform"),
        (("--since", "yesterday"), "not a time"),
    ],
)
def test_choices_that_are_none(words: tuple[str, ...], reason: str) -> None:
    """They are refused before any database is opened."""
    ran = CliRunner().invoke(app, ["csv", *words])
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert reason in " ".join(ran.stderr.split())
