"""A file of sibling patterns that is wrong is refused, in one line that says where and why."""

import time
from pathlib import Path

import pytest

from app.watchlist.catalogue import CatalogueInvalid, load_catalogue
from app.watchlist.patterns import PatternInvalid, TagPattern

FAMILY = '[[siblings]]\nrepositories = ["debian"]\nrules = [{}]\n'
MOVES = "[[moves]]\nrepositories = ['debian']\ntags = 'latest'\nlines = [{}]\n"


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("siblings = 1", "siblings", "not a list of tables"),
        ("siblings = [1]", "siblings[1]", "not a table"),
        ("[[sibling]]", "the file", "'sibling' is not known here"),
        ('watches = ["debian"]', "the file", "'watches' is not known here"),
        (FAMILY.format("{ tag = 'x', siblings = 'y' }"), "siblings[1].rules[1]", "'tag' is not known"),
        (FAMILY.format("{ tags = 'x' }"), "siblings[1].rules[1].siblings", "is missing"),
        (FAMILY.format("{ tags = 1, siblings = 'x' }"), "siblings[1].rules[1].tags", "is not text"),
        (FAMILY.format(""), "siblings[1]", "rules are missing"),
        (FAMILY.format("{ tags = '(x', siblings = 'y' }"), "siblings[1].rules[1].tags", "'(x'"),
        (FAMILY.format("{ tags = 'x', siblings = '{minor}' }"), "siblings[1].rules[1].siblings", "{minor} is no group"),
        (FAMILY.format("{ tags = 'x', siblings = '(x+)+y' }"), "siblings[1].rules[1].siblings", "repeated group"),
        (
            "[[siblings]]\nrepositories = []\nrules = [{tags='x', siblings='y'}]",
            "siblings[1].repositories",
            "list of names",
        ),
        (
            "[[siblings]]\nrepositories = ['Debian']\nrules = [{tags='x', siblings='y'}]",
            "siblings[1].repositories",
            "capital",
        ),
        (
            "[[siblings]]\nrepositories = ['debian:12']\nrules = [{tags='x', siblings='y'}]",
            "siblings[1]",
            "without a tag",
        ),
        (MOVES.format(""), "moves[1]", "lines are missing"),
        (MOVES.format("{ line = 'a' }, { line = 'b' }"), "moves[1].lines", "needs a day"),
        (
            MOVES.format("{ line = 'a', since = 2026-01-02 }, { line = 'b', since = 2026-01-02 }"),
            "moves[1].lines",
            "later",
        ),
        (MOVES.format("{ line = 'a', since = '2026-01-02' }"), "moves[1].lines[1].since", "without quotes"),
        (MOVES.format("{ line = '' }"), "moves[1].lines[1].line", "from 1 to 64"),
        ("x = [", "not valid TOML", ""),
        ("a = " + "[" * 5000, "not valid TOML", ""),
        ("#" * 1_100_000, "larger than", ""),
    ],
)
def test_one_line_says_what_is_wrong(tmp_path: Path, text: str, place: str, reason: str) -> None:
    """The complaint names the file, the place in it and the reason."""
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueInvalid) as refused:
        load_catalogue(file)
    said = str(refused.value)
    assert str(file) in said
    assert place in said
    assert reason in said
    assert "\n" not in said


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """So is a folder in its place."""
    for place in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(CatalogueInvalid, match="cannot be read"):
            load_catalogue(place)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 201,
        "(a+)+",
        "(a|b)*",
        "(a|ab){3,9}",
        r"a*a*a*a*a*a*a*",
        "a?a?a?a?a?a?a?",
        "(a|a)" * 7,
        "((a|b)(a|b)|c)(a|b|c|d)(a|b|c)",
        r"\d*" * 4,
        "(a|a)" * 4 + "a*a*a*b",
        r"(?=a)",
        r"\1",
        "^a",
        "a$",
        r"\S",
        "a b",
        "a{3",
        "[a",
        "[]",
        "a**",
        "*",
        "(?i)a",
        "(?P<A>x)",
        r"\d{4294967296}",
        "ä",
        "|".join("a" * 65),
    ],
)
def test_what_no_tag_needs_is_refused(text: str) -> None:
    """What could match slowly, or has no meaning for tags, is no pattern."""
    with pytest.raises(PatternInvalid):
        TagPattern.parse(text)


@pytest.mark.parametrize("text", [r"\d*\d*\d*x", r"a+[\w.]+\w+b", "(a|a)" * 6 + "a*a*b", "a?a?a?a*a*a*b"])
def test_a_bad_pattern_takes_no_noticeable_time(text: str) -> None:
    """The slowest that is allowed on the longest tag: what a tag's length and a few repetitions can make."""
    pattern = TagPattern.parse(text)
    for name in ("1" * 128, "a" * 128):
        began = time.process_time()
        assert pattern.match(name) is None
        assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        (r"bookworm-\d{8}(\.\d+)?-slim", "bookworm-"),
        (r"3\.22\.\d+", "3.22."),
        ("ab?cd", "cd"),
        ("a|b", ""),
        (r"\d+", ""),
    ],
)
def test_the_text_that_every_match_contains(text: str, literal: str) -> None:
    """What is optional, repeated or one of several is no part of it."""
    assert TagPattern.parse(text).literal == literal


def test_the_documented_example_can_be_used(tmp_path: Path) -> None:
    """What docs/configuration.md shows is a file that loads."""
    page = Path(__file__).parents[2] / "docs" / "configuration.md"
    section = page.read_text(encoding="utf-8").partition("## Sibling patterns")[2]
    file = tmp_path / "siblings.toml"
    file.write_text(section.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")
    own = load_catalogue(file)
    assert len(own.families) == len(load_catalogue().families) + 1
    assert own.moves[0].switches[1].line == "el10"
