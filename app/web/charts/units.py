"""Bytes as people read them: "28.2 MB", "+1.41 MB", or in MiB. static/chart.js formats the same way."""

import math
from enum import StrEnum

MINUS = "\u2212"  # a real minus sign is as wide as "+", so that columns line up


class Unit(StrEnum):
    """What people see: decimal megabytes, or binary mebibytes."""

    MB = "MB"
    MIB = "MiB"

    @property
    def in_bytes(self) -> int:
        """Bytes of one unit."""
        return 1_000_000 if self is Unit.MB else 1_048_576

    @property
    def smaller(self) -> tuple[str, int]:
        """The unit for what is too little for this one: name, bytes."""
        return ("kB", 1_000) if self is Unit.MB else ("KiB", 1_024)


def bytes_text(compressed_bytes: int, unit: Unit = Unit.MB) -> str:
    """ "1,240 MB", "188.4 MB", "2.22 MB", "13.4 kB", "312 B"."""
    for name, in_bytes, least in ((unit.value, unit.in_bytes, unit.in_bytes / 10), (*unit.smaller, unit.smaller[1])):
        if compressed_bytes >= least:
            return f"{_rounded(compressed_bytes / in_bytes)} {name}"
    return f"{compressed_bytes} B"


def delta_text(delta_bytes: int, unit: Unit = Unit.MB) -> str:
    """A signed difference: "+1.41 MB", "\u22123.20 kB", "0 B"."""
    sign = "+" if delta_bytes > 0 else MINUS if delta_bytes < 0 else ""
    return sign + bytes_text(abs(delta_bytes), unit)


def percent_text(before: int, after: int) -> str:
    """The relative change: "+5.2 %", "\u221212 %"; "" when there is nothing to relate to."""
    if before <= 0:
        return ""
    percent = (after - before) * 100 / before
    digits = 0 if abs(percent) >= 10 else 1 if abs(percent) >= 0.1 or after == before else 2
    sign = "+" if percent > 0 else MINUS if percent < 0 else ""
    return f"{sign}{abs(percent):,.{digits}f} %"


def _rounded(value: float) -> str:
    digits = 0 if value >= 1000 else 1 if value >= 10 else 2
    power = 10**digits
    return f"{math.floor(value * power + 0.5) / power:,.{digits}f}"
