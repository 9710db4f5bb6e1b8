"""Images of a Dockerfile: FROM, COPY --from and RUN --mount=from, ARGs replaced by their defaults."""

from collections.abc import Iterable, Iterator, Mapping

from app.watchlist.importing.found import Mention
from app.watchlist.importing.instructions import Instruction, instructions, parse_instruction, unquoted, words
from app.watchlist.importing.variables import Unresolved, expand

_PLATFORM_ARGS = {f"{side}{part}" for side in ("BUILD", "TARGET") for part in ("PLATFORM", "OS", "ARCH", "VARIANT")}
_NO_IMAGE = "scratch"


def read_dockerfile(text: str, args: Mapping[str, str] | None = None) -> Iterator[Mention]:
    """Every image that building this Dockerfile pulls; `args` win over the defaults of its ARGs.

    Stages, `scratch` and the frontend of a `# syntax=` line are not among them.
    """
    found = list(instructions(text))
    values: dict[str, str | None] = {}
    stages, earlier, every_stage = list[str](), set[str](), {_stage_name(one) for one in found}
    for one in found:
        if one.keyword == "ARG" and not stages:
            _declare(one, values, args or {})
        elif one.keyword == "FROM":
            yield from _from(one, values, len(stages), earlier)
            stages.append(_stage_name(one))
            earlier.add(stages[-1])
        else:
            where = f"stage {stages[-1] or len(stages) - 1}" if stages else ""
            yield from _pulled(one, every_stage, where)


def _declare(instruction: Instruction, values: dict[str, str | None], given: Mapping[str, str]) -> None:
    for word in words(instruction.rest):
        name, has_default, default = word.partition("=")
        if name in given:
            values[name] = given[name]
        elif has_default:
            values[name] = _default(default, values)
        else:
            values.setdefault(name, None)


def _default(text: str, values: Mapping[str, str | None]) -> str | None:
    if text.startswith("'"):
        return unquoted(text)
    try:
        return expand(unquoted(text), values)
    except Unresolved:
        return None


def _stage_name(instruction: Instruction) -> str:
    """The name that a FROM gives its stage, in small letters as Docker compares them; empty without one."""
    _, rest = _flags(instruction.rest)
    named = instruction.keyword == "FROM" and len(rest) >= 3 and rest[1].lower() == "as"
    return rest[2].lower() if named else ""


def _flags(text: str) -> tuple[list[str], list[str]]:
    """The leading words that begin with --, and the other words."""
    every = words(text)
    count = next((index for index, word in enumerate(every) if not word.startswith("--")), len(every))
    return every[:count], every[count:]


def _from(
    instruction: Instruction, values: Mapping[str, str | None], number: int, earlier: set[str]
) -> Iterator[Mention]:
    where = f"stage {_stage_name(instruction) or number}"
    _, rest = _flags(instruction.rest)
    if not rest:
        yield Mention("", instruction.line, where, "FROM names no image")
        return
    written = unquoted(rest[0])
    if "{{" in instruction.rest:
        yield Mention(instruction.rest, instruction.line, where, "a template")
        return
    try:
        image = expand(written, values)
    except Unresolved as error:
        yield Mention(written, instruction.line, where, _why(error, values))
        return
    if image.lower() != _NO_IMAGE and (not image or image.lower() not in earlier):
        yield Mention(image, instruction.line, where)


def _why(error: Unresolved, values: Mapping[str, str | None]) -> str:
    if error.name in _PLATFORM_ARGS:
        return f"{error.name} depends on the platform"
    if error.name in values:
        return f"ARG {error.name} has no default"
    return f"no ARG {error.name} before the first FROM" if error.name else str(error)


def _pulled(instruction: Instruction, stages: Iterable[str], where: str) -> Iterator[Mention]:
    """Images that COPY --from and RUN --mount take files from."""
    if instruction.keyword == "ONBUILD":
        instruction = parse_instruction(instruction.line, instruction.rest)
    flags, _ = _flags(instruction.rest)
    for source in _sources(instruction.keyword, flags):
        if source.isdecimal() or source.lower() in stages or source.lower() == _NO_IMAGE:
            continue
        problem = "variables are not replaced here" if "$" in source else None
        yield Mention(source, instruction.line, f"{instruction.keyword} in {where}" if where else "", problem)


def _sources(keyword: str, flags: Iterable[str]) -> Iterator[str]:
    for flag in flags:
        name, _, value = flag.partition("=")
        if keyword == "COPY" and name == "--from" and value:
            yield unquoted(value)
        elif keyword == "RUN" and name == "--mount":
            for option in unquoted(value).split(","):
                if option.startswith("from=") and option != "from=":
                    yield option.removeprefix("from=")
