"""Reading the drawn SVG back: paths as points, elements by class."""

import re
import xml.etree.ElementTree as ET

from app.web.charts.geometry import Line, Step

_COMMAND = re.compile(r"M(-?\d+) (-?\d+)|h(-?\d+)|v(-?\d+)")
YEAR = 365 * 86_400
NOW = 1_788_264_000
SVG = "{http://www.w3.org/2000/svg}"


def strokes(path: str) -> list[list[tuple[int, int]]]:
    """The pen strokes of a path as absolute points; AssertionError if it holds anything but M, h and v."""
    assert _COMMAND.sub("", path) == "", f"unexpected commands in {path}"
    drawn: list[list[tuple[int, int]]] = []
    for match in _COMMAND.finditer(path):
        if match[1] is not None:
            drawn.append([(int(match[1]), int(match[2]))])
            continue
        x, y = drawn[-1][-1]
        drawn[-1].append((x + int(match[3] or 0), y + int(match[4] or 0)))
    return drawn


def line(label: str, *values: int | None, shown: bool = True) -> Line:
    """A line whose steps are spread evenly over the year before NOW."""
    gap = YEAR // max(len(values), 1)
    return Line(label, tuple(Step(NOW - YEAR + i * gap, value, i + 1) for i, value in enumerate(values)), shown)


def parsed(svg: str) -> ET.Element:
    """The element tree of a drawing; ParseError when it is no well-formed XML."""
    return ET.fromstring(svg)  # noqa: S314 - our own output


def elements(root: ET.Element, name: str) -> list[ET.Element]:
    """All descendants of this name, with or without the SVG namespace."""
    return [element for element in root.iter() if element.tag.removeprefix(SVG) == name]
