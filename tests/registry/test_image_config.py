"""Image configurations: platform, date and build steps."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.registry.errors import ManifestInvalid
from app.registry.image_config import parse_config, parse_date
from tests.registry import documents as doc


def test_steps_are_the_history_without_empty_layers() -> None:
    """The k-th history entry that made a layer belongs to layer k, its text verbatim."""
    step = "RUN /bin/sh -c   apt-get  update # buildkit"
    history = [
        {"created_by": "ADD rootfs.tar /"},
        {"created_by": "CMD sh", "empty_layer": True},
        {"created_by": step, "empty_layer": False},
        {"comment": "nobody said how"},
    ]
    config = parse_config(doc.encode(doc.config(history=history)))
    assert config.steps_for(3) == ("ADD rootfs.tar /", step, None)
    assert config.steps_for(2) == (None, None), "a history that does not fit explains nothing"


def test_long_steps_are_cut() -> None:
    """At 4 KiB, marked; and no more than 256 KiB of one image is kept, whatever its layers."""
    history = [{"created_by": "x" * 4096}, *[{"created_by": "y" * 9000}] * 63, {"created_by": "z"}]
    config = parse_config(doc.encode(doc.config(history=history)))
    assert config.steps[0] == "x" * 4096
    assert config.steps[63] == "y" * 4095 + "\u2026"
    assert config.steps_for(65)[64] is None


def test_optional_fields_may_be_null_or_missing() -> None:
    """Squashed and kaniko images state very little."""
    for extra in ({}, {"history": None, "rootfs": None, "created": None, "variant": None}):
        config = parse_config(doc.encode(doc.config(**extra)))
        assert (str(config.platform), config.created, config.diff_ids, config.steps) == ("linux/amd64", None, (), ())


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-05-06T07:08:09Z", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("2024-05-06T07:08:09.123456789Z", datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)),
        ("2024-05-06T07:08:09.5+02:00", datetime(2024, 5, 6, 5, 8, 9, 500000, tzinfo=UTC)),
        ("2024-05-06T07:08:60Z", datetime(2024, 5, 6, 7, 8, 59, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1970-01-01T00:30:00+01:00", None),
        ("1969-12-31T23:59:59Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("9998-12-31T23:59:59Z", datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("9998-12-31T23:59:59-01:00", None),
        ("9999-06-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("0000-00-00T00:00:00Z", None),
        ("2024-13-01T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_dates(text: str | None, moment: datetime | None) -> None:
    """Dates of every precision are understood; garbage, Go's zero time and the last year of all are unknown."""
    assert parse_date(text) == moment


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"os": "linux"},
        doc.config(os=1),
        doc.config(architecture="a b"),
        doc.config(history={}),
        doc.config(history=["x"]),
        doc.config(history=[{"created_by": 1}]),
        doc.config(history=[{}] * 10_001),
        doc.config(rootfs={"diff_ids": ["x"]}),
        doc.config(rootfs=[]),
    ],
    ids=range(10),
)
def test_malformed_configs(document: dict[str, Any]) -> None:
    """A config without a platform or with wrong types is ManifestInvalid."""
    with pytest.raises(ManifestInvalid):
        parse_config(doc.encode(document))


@given(st.text(max_size=40))
def test_any_text_is_a_date_or_none(text: str) -> None:
    """No text raises."""
    assert parse_date(text) is None or text
