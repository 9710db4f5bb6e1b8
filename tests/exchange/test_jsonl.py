"""JSONL files: the names of CSV, and layers."""

import pytest

from app.exchange.jsonl_in import read_jsonl
from app.exchange.report import Report
from app.history.observations import LayerFound
from app.history.past import PastBuild
from tests.exchange.files import build, digest, lines, read

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def facts_of(content: bytes) -> tuple[list[PastBuild], Report]:
    return read(content, read_jsonl)


def refusal(content: bytes) -> str:
    """Why the one line is refused."""
    facts, report = facts_of(content)
    assert facts == []
    ((place, reason),) = report.examples
    assert place == "sizes.jsonl:1"
    return reason


def test_layers_with_their_steps() -> None:
    """Base first, as our own exports list them."""
    layers = [
        {"digest": digest("a"), "compressed_bytes": 40, "media_type": LAYER, "diff_id": digest("d"), "step": "ADD"},
        {"digest": digest("b"), "compressed_bytes": 2, "media_type": LAYER, "diff_id": None, "step": None},
    ]
    (fact,), report = facts_of(lines(build(compressed_bytes=42, layers=2, layer_list=layers)))
    assert fact.manifest.layers == (
        LayerFound(digest("a"), LAYER, 40, digest("d"), "ADD"),
        LayerFound(digest("b"), LAYER, 2, None, None),
    )
    assert (fact.manifest.compressed_bytes, fact.manifest.layer_count, report.notes) == (42, 2, [])


def test_layers_as_others_write_them() -> None:
    """Under `layers`, with `size` and `created_by`; what is not known by name is said."""
    layers = [{"digest": digest("a"), "size": 42, "media_type": None, "created_by": "/bin/sh -c #(nop) ADD\n\x1b"}]
    extra = {"history": [{"created": "2026"}], "image_id": digest("c"), "manifest_media_type": "a/b"}
    (fact,), report = facts_of(lines(build(compressed_bytes=42, layers=layers, **extra)))
    assert fact.manifest.layers == (LayerFound(digest("a"), "", 42, None, "/bin/sh -c #(nop) ADD\n\x1b"),)
    assert (fact.manifest.config_digest, fact.manifest.media_type) == (digest("c"), "a/b")
    assert report.notes == ["ignored columns: 'history'"]


def test_null_and_numbers_in_quotes() -> None:
    """null is an empty cell, and numbers may be texts, as in CSV."""
    (fact,), _ = facts_of(lines(build(compressed_bytes="42", pushed_at=None, source=None, origin=None)))
    assert (fact.manifest.compressed_bytes, fact.pushed_at, fact.origin, fact.source) == (42, None, "import", None)


def test_each_line_says_where_it_is_from() -> None:
    """With an origin it is taken at its word."""
    facts, _ = facts_of(lines(build(origin="hub", source="x"), build(source="x")))
    assert [(fact.origin, fact.source) for fact in facts] == [("hub", "x"), ("import", "sizes.jsonl")]


def test_byte_order_mark_and_empty_lines() -> None:
    """As editors leave them."""
    facts, report = facts_of(b"\xef\xbb\xbf" + lines(build()) + b"\r\n  \n" + lines(build(tag="12")))
    assert [fact.place for fact in facts] == ["sizes.jsonl:1", "sizes.jsonl:4"]
    assert report.read == 2


ONE_LAYER = {"digest": digest("a"), "compressed_bytes": 1, "media_type": LAYER}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{\n", "not JSON"),
        (b'{"tag": NaN}\n', "not JSON"),
        (b'{"tag": "\xff"}\n', "not JSON"),
        (b'{"tag": "\\ud800"}\n', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]\n", "not a JSON object"),
        (b"\0\0\0\0\n", "not JSON"),
        (lines(build(tag="a\0b")), "not a tag"),
        (lines(build(tag=["a"])), "neither text nor a whole number: tag is ['a']"),
        (lines(build(tag=True)), "neither text nor a whole number: tag is True"),
        (lines(build(compressed_bytes=1.5)), "neither text nor a whole number: compressed_bytes is 1.5"),
        (lines(build(compressed_bytes=-5)), "compressed_bytes is not a whole number: '-5'"),
        (lines(build(compressed_bytes={})), "neither text nor a whole number"),
        (lines(build(image="ubuntu")), "a value is given twice: repository by 'image' too"),
        (lines(build(layer_list={})), "not a list of at most 1,000 layers"),
        (lines(build(layer_list=[ONE_LAYER] * 1001)), "not a list of at most 1,000 layers"),
        (lines(build(layer_list=[7])), "a layer that is no JSON object"),
        (lines(build(layer_list=[ONE_LAYER])), "compressed_bytes is not the sum of the layers: 48497210, not 1"),
        (lines(build(compressed_bytes=None, layer_list=[ONE_LAYER | {"compressed_bytes": 0}])), "weighs nothing"),
        (lines(build(compressed_bytes=5, layers=0)), "compressed_bytes of an image without layers: 5"),
        (lines(build(compressed_bytes=1, layers=2, layer_list=[ONE_LAYER])), "not the length of the list of layers"),
        (lines(build(layer_list=[ONE_LAYER | {"digest": "x"}])), "something else than a digest"),
        (lines(build(layer_list=[ONE_LAYER | {"diff_id": "x"}])), "something else than a digest"),
        (lines(build(layer_list=[ONE_LAYER | {"compressed_bytes": -1}])), "a layer's compressed_bytes"),
        (lines(build(layer_list=[ONE_LAYER | {"compressed_bytes": None}])), "neither text nor a whole number"),
        (lines(build(layer_list=[ONE_LAYER | {"media_type": "x" * 129}])), "longer media type"),
        (lines(build(layer_list=[ONE_LAYER | {"step": "a\0b"}])), "a layer's value is no text"),
        (lines(build(layer_list=[ONE_LAYER | {"step": ["a"]}])), "a layer's value is no text"),
        (b'{"tag": "' + b"x" * 17 * 2**20 + b'"}', "a line of more than 16,777,216 bytes"),
    ],
)
def test_impossible_lines(content: bytes, reason: str) -> None:
    """Each is refused with its reason."""
    assert reason in refusal(content)


def test_reading_goes_on_after_a_line_that_is_too_long() -> None:
    """It counts as one line, and is not kept."""
    facts, report = facts_of(b"x" * 40 * 2**20 + b"\n" + lines(build()))
    assert [fact.place for fact in facts] == ["sizes.jsonl:2"]
    assert report.refusals == 1
