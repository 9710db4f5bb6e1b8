"""What an import says of itself."""

from app.exchange.report import Report, printable


def test_refusals_are_counted_by_reason_and_shown_with_place() -> None:
    """The first twenty are told one by one, the rest by number."""
    report = Report(read=30)
    for line in range(30):
        report.refuse(f"sizes.csv:{line}", "not a digest", f"sha256:{line}")
    assert report.as_json()["reasons"] == {"not a digest": 30}
    assert report.refusals == 30
    lines = list(report.lines())
    assert lines[0] == "sizes.csv:0: not a digest: sha256:0"
    assert lines[20] == "... 30 refused in all:"
    assert len(lines) == 20 + 1 + 1 + 1


def test_endless_reasons_do_not_fill_the_memory() -> None:
    """Past a hundred kinds they are counted together."""
    report = Report()
    for number in range(1000):
        report.refuse("here", f"reason {number}")
    assert report.refusals == 1000
    assert len(report.refused) <= 101


def test_a_file_cannot_steer_the_terminal() -> None:
    """Escape sequences, line ends and marks that turn the direction of writing are spelled out."""
    report = Report(notes=["column '\x1b]0;owned\x07'"])
    report.refuse("a\nb.csv:1", "no tag", "\x1b[2J\u202egnp")
    text = "".join(report.lines())
    assert text.isprintable()
    assert r"\x1b[2J\u202egnp" in text


def test_long_values_are_cut() -> None:
    """A cell of a megabyte does not scroll the reason away."""
    assert len(printable("x" * 10**6)) == 300
