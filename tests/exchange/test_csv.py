"""CSV files as people and programs make them: what is understood, and what is refused with its place."""

import gzip
import tracemalloc
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from app.exchange.csv_in import read_csv
from app.exchange.refusals import FileRefused
from app.exchange.report import Report
from tests.exchange.files import HEADER, NOW, digest, read, row, source, table

AT = datetime(2026, 1, 5, 18, 20, 45, tzinfo=UTC)


def refusal(content: bytes) -> str:
    """The one thing that is refused, with its place."""
    facts, report = read(content)
    assert facts == []
    assert report.refusals == 1
    place, reason = report.examples[0]
    return f"{place}: {reason}"


def test_a_row_is_a_fact() -> None:
    """Every cell has its place; what the file does not have is not known."""
    (fact,), report = read(table(row()))
    assert (str(fact.repository), fact.tag, fact.platform) == ("docker.io/library/debian", "bookworm", "linux/amd64")
    assert (fact.at, fact.pushed_at, fact.known_since) == (AT, None, None)
    assert (fact.manifest.digest, fact.manifest.compressed_bytes) == (digest("one"), 48_497_210)
    assert (fact.origin, fact.source, fact.place) == ("import", "sizes.csv", "sizes.csv:2")
    assert (report.read, report.refusals, report.notes) == (1, 0, [])


def test_observations_with_parts_of_platforms() -> None:
    """Operating system, architecture and variant apart, only the image's own date, and columns that we do not know."""
    header = "repository,tag,os,architecture,variant,created_at,compressed_bytes,layers,digest,source_repo,source_path"
    line = f"mcr.microsoft.com/dotnet/runtime,8.0,linux,arm64,v8,2026-01-05T18:20:45Z,5006364,2,{digest(1)},a/b,c.md"
    (fact,), report = read(table(line, header=header))
    assert (str(fact.repository), fact.platform) == ("mcr.microsoft.com/dotnet/runtime", "linux/arm64")
    assert (fact.at, fact.manifest.created_at, fact.manifest.layer_count) == (AT, AT, 2)
    assert report.notes == ["ignored columns: 'source_repo', 'source_path'"]


def test_aliases_order_and_case_of_columns() -> None:
    """The columns of the page's own CSV, turned round and written as people do."""
    header = " Digest,COMPRESSED_BYTES,Arch,OS,at,Tag,Image"
    line = f"{digest(1)},7,amd64,linux,2026-01-05,edge,ghcr.io/a/b"
    (fact,), _ = read(table(line, header=header))
    assert (str(fact.repository), fact.tag, fact.at.isoformat()) == ("ghcr.io/a/b", "edge", "2026-01-05T00:00:00+00:00")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system(end: str) -> None:
    """With a byte order mark, with empty lines, without one at the end of the file."""
    text = end.join([HEADER, row(), "", row(tag="12")])
    facts, report = read(b"\xef\xbb\xbf" + text.encode())
    assert [fact.tag for fact in facts] == ["bookworm", "12"]
    assert [fact.place for fact in facts] == ["sizes.csv:2", "sizes.csv:4"]
    assert report.read == 2


def test_mixed_line_ends() -> None:
    """As editors on several systems leave them behind."""
    facts, _ = read(f"{HEADER}\r\n{row()}\n{row(tag='12')}\r{row(tag='11')}\r\n".encode())
    assert [fact.tag for fact in facts] == ["bookworm", "12", "11"]


def test_line_ends_in_quotes_count_as_lines() -> None:
    """A place is the first line of its row, as an editor shows it."""
    header = HEADER + ",remark"
    facts, _ = read(table(row() + ',"two\nlines"', row(tag="12") + ",one", header=header))
    assert [fact.place for fact in facts] == ["sizes.csv:2", "sizes.csv:4"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05T19:20:45+01:00", AT),
        ("2026-01-05 18:20:45", AT),
        ("2026-01-05T18:20:45.123456789Z", AT + timedelta(microseconds=123456)),
        ("2026-09-02T12:00:00Z", NOW + timedelta(days=1)),
    ],
)
def test_times(text: str, moment: datetime) -> None:
    """Any zone, none (then UTC), fractions, and clocks that are a little ahead."""
    (fact,), _ = read(table(row(first_seen_at=text)))
    assert fact.at == moment


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("first_seen_at", "2026-09-02T12:00:01Z", "first_seen_at is in the future"),
        ("first_seen_at", "9999-12-31T23:59:59-23:59", "not a time"),
        ("first_seen_at", "0001-01-01T00:00:00+23:59", "not a time"),
        ("first_seen_at", "2012-12-31T23:59:59Z", "first_seen_at is before 2013"),
        ("first_seen_at", "2026-02-30", "not a time"),
        ("first_seen_at", "20260105T182045Z", "not a time"),
        ("first_seen_at", "2026-W01-1", "not a time"),
        ("first_seen_at", "1/5/2026", "not a time"),
        ("first_seen_at", "1767637245", "not a time"),
        ("first_seen_at", "", "no time: first_seen_at, pushed_at and created_at are empty"),
        ("compressed_bytes", "-5", "compressed_bytes is not a whole number: '-5'"),
        ("compressed_bytes", "0", "compressed_bytes is 0"),
        ("compressed_bytes", "4.7e7", "not a whole number"),
        ("compressed_bytes", "48 497 210", "not a whole number"),
        ("compressed_bytes", "٤٨", "not a whole number"),
        ("compressed_bytes", "10000000000001", "more than 10,000,000,000,000"),
        ("compressed_bytes", "9" * 5000, "more than 10,000,000,000,000"),
        ("digest", "sha256:abc", "not a digest: 'sha256:abc'"),
        ("digest", digest(1).upper(), "not a digest"),
        ("digest", "", "not a digest: ''"),
        ("tag", "-bookworm", "not a tag: '-bookworm'"),
        ("tag", "=cmd()", "not a tag: '=cmd()'"),
        ("tag", "book\0worm", "not a tag"),
        ("repository", "=cmd|' /C calc'!A0", "not a repository"),
        ("repository", "Debian", "'Debian' has capital letters"),
        ("repository", "debian:bookworm", "not a repository"),
        ("repository", "", "the name is empty"),
        ("repository", " debian", "not a repository"),
        ("repository", "a/" * 500 + "b", "not a repository"),
        ("platform", "amd64", "not a platform"),
        ("platform", "unknown/unknown", "marks attestations"),
        ("platform", "", "no platform"),
        ("platform", "linux/=cmd()", "not a platform"),
    ],
)
def test_impossible_values(column: str, text: str, reason: str) -> None:
    """Each is refused by itself, and told with what stood there."""
    told = refusal(table(row(**{column: text})))
    assert told.startswith("sizes.csv:2: ")
    assert reason in told
    assert len(told) < 500


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("source", "=cmd()", "a cell that a spreadsheet would run"),
        ("source", "@SUM(1)", "a cell that a spreadsheet would run"),
        ("media_type", "+1", "a cell that a spreadsheet would run"),
        ("origin,source", "poll," + "x" * 256, "source has more than 255 characters"),
        ("origin,source", "poll,bell\x07", "source holds control characters"),
        ("origin", "guess", "origin is none of poll, sibling, hub, "),
        ("pushed_at", "2012-01-01", "pushed_at is before 2013"),
        ("known_since", "2027-01-01", "known_since is in the future"),
        ("config_digest", "abc", "config_digest is not a digest"),
        ("layers", "-1", "layers is not a whole number"),
        ("layers", "1001", "layers is more than 1,000"),
        ("os", "windows", "not a platform"),
        ("created_at", "soon", "not a time"),
    ],
)
def test_impossible_values_of_further_columns(column: str, text: str, reason: str) -> None:
    """Those that few files have."""
    assert reason in refusal(table(f"{row()},{text}", header=f"{HEADER},{column}"))


def test_platforms_that_contradict_themselves() -> None:
    """Named whole and in parts, they have to be one."""
    header = HEADER + ",os,architecture,variant"
    facts, report = read(table(row() + ",linux,x86_64,v1", row() + ",linux,arm64,v8", header=header))
    assert [fact.platform for fact in facts] == ["linux/amd64"]
    assert report.examples[0][1].startswith("platform and os/architecture/variant contradict")


def test_bytes_that_nobody_knows() -> None:
    """An empty cell says that; an image without layers weighs nothing."""
    header = HEADER + ",layers"
    unknown, nothing = read(table(row(compressed_bytes="") + ",", row(compressed_bytes="0") + ",0", header=header))[0]
    assert (unknown.manifest.compressed_bytes, unknown.manifest.layer_count) == (None, None)
    assert (nothing.manifest.compressed_bytes, nothing.manifest.layer_count) == (0, 0)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([row() + ",more"], "a row with another number of cells than the header: 7, not 6"),
        (["debian,bookworm"], "a row with another number of cells than the header: 2, not 6"),
        (['debian,"book"worm,,,,'], "not CSV"),
        ([row(tag="x" * 200_000)], "not CSV: field larger than field limit"),
        ([row() + "," * 300_000], "a line of more than 262,144 characters"),
        (['debian,"never closed,,,,'], "not CSV: unexpected end of data"),
        (['debian,"never closed', *["more"] * 98, "the end"], "not CSV: unexpected end of data"),
        (["caf\udce9,1,,,,"], "not UTF-8"),
    ],
)
def test_rows_that_cannot_be_taken_apart(lines: list[str], reason: str) -> None:
    """The place is where the row begins."""
    content = "".join(f"{line}\n" for line in (HEADER, *lines)).encode(errors="surrogateescape")
    told = refusal(content)
    assert told.startswith("sizes.csv:2: ")
    assert reason in told


def test_reading_goes_on_after_what_is_refused() -> None:
    """A line that is too long, a quote too many and a bad byte do not take their neighbours along."""
    bad = [row(tag="x" * 300_000), 'de"bian,"a"b,,,,', row(repository="caf\udce9")]
    mixed = [line for one in bad for line in (one, row())]
    facts, report = read("".join(f"{line}\n" for line in (HEADER, *mixed)).encode(errors="surrogateescape"))
    assert [fact.place for fact in facts] == ["sizes.csv:3", "sizes.csv:5", "sizes.csv:7"]
    assert (report.read, report.refusals) == (6, 3)


def test_a_quote_that_never_closes_ends() -> None:
    """After a hundred lines; what comes then is not understood either, but memory stays small."""
    facts, report = read(table('debian,"', *['","'] * 150))
    assert facts == []
    assert "a row of more than 100 lines: a quote is not closed" in report.refused


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the header lacks columns: repository, tag, digest, compressed_bytes, platform (or os and architecture)"),
        (b"repository,tag\ndebian,12\n", "first_seen_at (or pushed_at, or created_at)"),
        (HEADER.replace(",", ";").encode(), "cells are separated by commas"),
        (f"{HEADER},at\n".encode(), "the header names a column twice: first_seen_at"),
        (f"{HEADER},Repository\n".encode(), "the header names a column twice: repository"),
        (table(row()).decode().encode("utf-16"), "it looks like UTF-16"),
        (b"\xe9" + HEADER.encode(), "not UTF-8"),
        (b'"' + b"x" * 200_000, "field larger than field limit"),
        (b"PK\x03\x04\0\0\0", "the header lacks columns"),
    ],
)
def test_files_that_are_none(content: bytes, reason: str) -> None:
    """Without a usable header no row means anything, whatever the terms."""
    with pytest.raises(FileRefused) as refused:
        read(content)
    assert refused.value.place == "sizes.csv:1"
    assert reason in str(refused.value)


def test_gzip() -> None:
    """Known by its first bytes, whatever the file is called; damage is told with the line that it stands on."""
    packed = gzip.compress(table(*[row()] * 100))
    assert len(read(packed)[0]) == 100
    for damaged in (packed[:-9], packed[:-8] + bytes(8), packed[:30] + b"\xff" * 20 + packed[50:]):
        with pytest.raises(FileRefused, match=r"^sizes\.csv:\d+: cannot be read: "):
            read(damaged)


def test_a_file_without_rows() -> None:
    """Is no mistake."""
    assert read(table()) == ([], Report())


def test_our_own_files_are_taken_at_their_word() -> None:
    """With an `origin`, origin and source are the file's; without, they say that it was imported, and from where."""
    header = HEADER + ",origin,source"
    facts, _ = read(table(row() + ",poll,", row() + ",sibling,bookworm-20260101", row() + ",,", header=header))
    assert [(fact.origin, fact.source) for fact in facts] == [
        ("poll", None),
        ("sibling", "bookworm-20260101"),
        ("import", None),
    ]


def test_memory_does_not_grow_with_the_file() -> None:
    """Thirty thousand rows with as many repositories and digests, a third of them refused."""
    rows = (row(repository=f"a/b{n}", digest=digest(n), compressed_bytes=str(n % 3)) for n in range(30_000))
    content = table(*rows)
    tracemalloc.start()
    report = Report()
    facts = read_csv(source(content), report, NOW)
    list(islice(facts, 1_000))
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    taken = sum(1 for _ in facts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (taken, report.refusals) == (19_000, 10_000)
    assert peak - before < 12_000_000  # names that are remembered, 20,000 of them at most
