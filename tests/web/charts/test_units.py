"""How bytes are written."""

import pytest

from app.web.charts.units import Unit, bytes_text, delta_text, percent_text


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [
        (28_234_567, Unit.MB, "28.2 MB"),
        (28_234_567, Unit.MIB, "26.9 MiB"),
        (2_219_949, Unit.MB, "2.22 MB"),
        (188_449_999, Unit.MB, "188.4 MB"),
        (1_240_000_000, Unit.MB, "1,240 MB"),
        (100_000, Unit.MB, "0.10 MB"),
        (99_999, Unit.MB, "100.0 kB"),
        (13_400, Unit.MB, "13.4 kB"),
        (13_400, Unit.MIB, "13.1 KiB"),
        (99, Unit.MB, "99 B"),
        (0, Unit.MB, "0 B"),
    ],
)
def test_bytes(amount: int, unit: Unit, text: str) -> None:
    """Three digits or so, in the unit that people asked for."""
    assert bytes_text(amount, unit) == text


@pytest.mark.parametrize(
    ("amount", "text"), [(1_410_000, "+1.41 MB"), (-1_410_000, "\u22121.41 MB"), (0, "0 B"), (-312, "\u2212312 B")]
)
def test_deltas_carry_a_sign(amount: int, text: str) -> None:
    """Direction never depends on colour alone."""
    assert delta_text(amount) == text


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (100, 105, "+5.0 %"),
        (100, 88, "\u221212 %"),
        (100, 100, "0.0 %"),
        (1_000_000, 1_000_400, "+0.04 %"),
        (0, 5, ""),
        (10, 400, "+3,900 %"),
    ],
)
def test_percent(before: int, after: int, text: str) -> None:
    """A change that happened is never written as 0.0 %."""
    assert percent_text(before, after) == text
