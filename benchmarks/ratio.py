"""A figure of a benchmark: always against a baseline of the same run, never in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times the baseline something took, and how many it may."""

    name: str
    value: float
    target: float
    unit: str = "x"

    def __str__(self) -> str:
        verdict = "ok" if self.value <= self.target else "MISSED"
        return f"{self.name:62} {self.value:9.2f} {self.unit:4} aim {self.target:<8g} {verdict}"
