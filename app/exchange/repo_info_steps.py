"""Which build step made which layer, as far as a page of docker-library/repo-info tells."""

import re
from collections.abc import Iterable, Iterator, Sequence

from app.registry.image_config import LONGEST_STEP, MAX_HISTORY, MOST_STEP_TEXT

_DATE_LINE = re.compile(r"^# (\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT)\n", re.ASCII | re.MULTILINE)
# Dockerfile instructions that only change the configuration.
_NO_LAYER = {
    "ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "SHELL", "STOPSIGNAL",
    "USER", "VOLUME",
}  # fmt: skip
_UNSURE = "WORKDIR"  # makes a layer with BuildKit; with the builder before it only where the folder was not there


def history(block: str) -> tuple[Sequence[str], Sequence[str]]:
    """Dates and steps of a page's ```dockerfile block, oldest first; a step may have many lines."""
    parts = _DATE_LINE.split(block.rstrip().removesuffix("```"), maxsplit=MAX_HISTORY)
    return parts[1::2], [step.strip() for step in parts[2::2]]


def steps_of_layers(steps: Sequence[str], layer_count: int) -> tuple[str | None, ...]:
    """The step of each layer, base first; all None where it cannot be known which made one.

    The page does not say which steps made no layer: counts decide. Steps are cut as those of a config are.
    """
    unknown = (None,) * layer_count
    if layer_count == len(steps):
        return tuple(_while_room(steps))
    able = [(step, name) for step in steps if (name := _instruction(step)) not in _NO_LAYER]
    if layer_count != len(able):
        able = [one for one in able if one[1] != _UNSURE]
    return tuple(_while_room(step for step, _ in able)) if layer_count == len(able) else unknown


def _instruction(step: str) -> str:
    """ "CMD" of `CMD ["sh"]`, of `RUN cmd /S /C #(nop)  CMD ["sh"]`, and below lines of build arguments."""
    while step.startswith("# ARG"):
        step = step.partition("\n")[2]
    _, nothing_run, instruction = step.partition("#(nop)")
    words = (instruction if nothing_run else step).split(maxsplit=1)
    return words[0] if words else ""


def _while_room(steps: Iterable[str]) -> Iterator[str | None]:
    room = MOST_STEP_TEXT
    for step in steps:
        text = step if len(step) <= LONGEST_STEP else f"{step[: LONGEST_STEP - 1]}\N{HORIZONTAL ELLIPSIS}"
        room -= len(text)
        yield text if text and room >= 0 else None
