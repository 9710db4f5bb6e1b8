"""A Dockerfile's instructions as BuildKit's parser divides them: continuations, comments, directives, heredocs.

Follows https://docs.docker.com/reference/dockerfile/. Nothing is refused: what BuildKit would not build is read as far
as it goes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(\S+)\s*")
_WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+""")
_HEREDOC = re.compile(r"\d*<<(-?)([^<]+)")
_WITH_HEREDOC = {"ADD", "COPY", "RUN"}

Lines = Iterator[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction on one line, heredocs left out; `keyword` in capitals, `line` where it begins."""

    line: int
    keyword: str
    rest: str


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile's text, in their order."""
    lines = text.removeprefix("\ufeff").split("\n")
    escape = _escape(lines)
    source = iter(enumerate(lines, 1))
    for number, line in source:
        if not line.strip() or _is_comment(line):
            continue
        instruction = parse_instruction(number, _whole(line, source, escape))
        for name, tabs in _heredocs(instruction):
            _skip_heredoc(source, name, tabs)
        if instruction.keyword:
            yield instruction


def parse_instruction(line: int, text: str) -> Instruction:
    """Keyword and rest of an instruction's text."""
    keyword, *rest = text.split(maxsplit=1) or [""]
    return Instruction(line, keyword.upper(), rest[0].rstrip() if rest else "")


def words(text: str) -> list[str]:
    """Words as a shell divides them, quotes kept."""
    return _WORD.findall(text)


def unquoted(word: str) -> str:
    """A word without the quotes around it."""
    quoted = len(word) > 1 and word[0] == word[-1] and word[0] in "\"'"
    return word[1:-1] if quoted else word


def _escape(lines: list[str]) -> str:
    """The sign that continues a line, from the directives at the top: a backslash, or a backtick."""
    for line in lines:
        directive = _DIRECTIVE.fullmatch(line)
        if directive is None:
            break
        if directive[1].lower() == "escape" and directive[2] == "`":
            return "`"
    return "\\"


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _whole(first: str, source: Lines, escape: str) -> str:
    """A line with those that continue it; comments and empty lines among them are passed over."""
    text, more = _continued(first, escape)
    parts = [text]
    while more and (following := next(source, None)) is not None:
        line = following[1]
        if line.strip() and not _is_comment(line):
            text, more = _continued(line, escape)
            parts.append(text)
    return "".join(parts)


def _continued(line: str, escape: str) -> tuple[str, bool]:
    line = line.rstrip("\r")
    bare = line.rstrip(" \t")
    if bare.endswith(escape) and not bare.endswith(escape * 2):
        return bare[:-1], True
    return line, False


def _heredocs(instruction: Instruction) -> Iterator[tuple[str, bool]]:
    """Name of each heredoc that the instruction opens, and whether tabs before it count for nothing."""
    if instruction.keyword == "ONBUILD":
        instruction = parse_instruction(instruction.line, instruction.rest)
    if instruction.keyword not in _WITH_HEREDOC or "<<" not in instruction.rest or instruction.rest.startswith("["):
        return
    for word in words(instruction.rest):
        opened = _HEREDOC.fullmatch(word)
        if opened is not None and (name := unquoted(opened[2])):
            yield name, bool(opened[1])


def _skip_heredoc(source: Lines, name: str, tabs: bool) -> None:
    for _, line in source:
        end = line.rstrip("\r")
        if (end.lstrip("\t") if tabs else end) == name:
            return
