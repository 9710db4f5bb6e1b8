"""Patterns over tag names: as much of regular expressions as tags need, and nothing that a name could make slow."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

LONGEST_PATTERN = 200  # characters
MOST_REPETITIONS = 3
MOST_WAYS = (64, 64, 64, 8)  # by the number of repetitions

_TOKEN = re.compile(
    r"(?P<open>\((?:\?:|\?P<[a-z][a-z0-9_]*>)?)|(?P<close>\))|(?P<or>\|)"
    r"|(?P<any>\[\^?(?:[A-Za-z0-9_.-]|\\[dw.-])+\]|\\[dw]|\.)|(?P<literal>[A-Za-z0-9_-]|\\[.-])",
    re.ASCII,
)
_REPEAT = re.compile(r"[?*+]|\{\d{1,3}(?:,\d{0,3})?\}", re.ASCII)
_HOLE = re.compile(r"\{([a-z][a-z0-9_]*)\}", re.ASCII)


class PatternInvalid(ValueError):
    """The text is no pattern over tag names; str() says why, in one line."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    repeat: str

    @property
    def is_ambiguous(self) -> bool:
        """Whether it may match texts of more than one length, beyond being there or not."""
        return self.repeat not in {"", "?"} and not re.fullmatch(r"\{\d+\}", self.repeat)


@dataclass(frozen=True, slots=True)
class TagPattern:
    """A pattern that a whole tag name matches or not. `literal`: the longest text that every match contains."""

    text: str
    regex: re.Pattern[str]
    literal: str

    @classmethod
    def parse(cls, text: str) -> "TagPattern":
        """The pattern in text: letters, digits, `_ - \\.`, `\\d \\w . [...]`, groups, `|` and `? * + {n} {n,m}`.

        PatternInvalid for anything else, and for what may take long to match: repeated groups, many repetitions.
        """
        if len(text) > LONGEST_PATTERN:
            raise PatternInvalid(f"{len(text)} characters; a pattern has {LONGEST_PATTERN} at most")
        tokens = _tokens(text)
        _check_cost(tokens)
        try:
            return cls(text, re.compile(text, re.ASCII), max(_literals(tokens), key=len, default=""))
        except (re.error, OverflowError) as problem:
            raise PatternInvalid(f"{text!r}: {problem}") from None

    def match(self, name: str) -> re.Match[str] | None:
        """The match of the whole name."""
        return self.regex.fullmatch(name)


@dataclass(frozen=True, slots=True)
class PatternTemplate:
    r"""A pattern with holes such as `{minor}`, which are filled with plain text: `{minor}\.\d+`."""

    text: str
    holes: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> "PatternTemplate":
        """The template in text; PatternInvalid if it makes no pattern."""
        template = cls(text, frozenset(_HOLE.findall(text)))
        template.fill(dict.fromkeys(template.holes, "x"))
        return template

    def fill(self, values: Mapping[str, str]) -> TagPattern:
        """The pattern with every hole filled; PatternInvalid if it grows too long."""
        return TagPattern.parse(_HOLE.sub(lambda hole: re.escape(values[hole[1]]), self.text))


def _tokens(text: str) -> list[_Token]:
    found, position = [], 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise PatternInvalid(f"{text!r}: {text[position:][:10]!r} cannot stand in a pattern over tags")
        repeat = _REPEAT.match(text, token.end()) if token.lastgroup not in {"open", "or"} else None
        position = repeat.end() if repeat else token.end()
        found.append(_Token(token.lastgroup or "", token[0], repeat[0] if repeat else ""))
    return found


def _check_cost(tokens: Sequence[_Token]) -> None:
    """A name has 128 characters at most: what is left takes milliseconds at the worst, and lists have 100,000 names."""
    if any(token.kind == "close" and token.repeat not in {"", "?"} for token in tokens):
        raise PatternInvalid("a repeated group may take for ever to match; repeat a class such as [.\\d] instead")
    repetitions = sum(token.is_ambiguous for token in tokens)
    if repetitions > MOST_REPETITIONS:
        raise PatternInvalid(f"{repetitions} repetitions; a pattern has {MOST_REPETITIONS} at most")
    if _ways(tokens) > (most := MOST_WAYS[repetitions]):
        raise PatternInvalid(f"more than {most} ways through its alternatives and optional parts")


def _ways(tokens: Iterable[_Token]) -> int:
    """How many ways lead through what is optional and what has alternatives."""
    ways, alternatives = 1, [1]
    for token in tokens:
        ways *= 2 if token.repeat == "?" else 1
        if token.kind == "open":
            alternatives.append(1)
        elif token.kind == "or":
            alternatives[-1] += 1
        elif token.kind == "close" and len(alternatives) > 1:
            ways *= alternatives.pop()
    return ways * alternatives[0]


def _literals(tokens: Iterable[_Token]) -> list[str]:
    """Runs of plain characters outside of groups; none if there are alternatives to them."""
    runs, depth = [""], 0
    for token in tokens:
        depth += (token.kind == "open") - (token.kind == "close")
        if token.kind == "or" and depth == 0:
            return []
        if token.kind == "literal" and depth == 0 and not token.repeat:
            runs[-1] += token.text.removeprefix("\\")
        else:
            runs.append("")
    return runs
