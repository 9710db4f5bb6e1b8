"""Dockerfiles: which images building them pulls, and what cannot be told."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.watchlist.importing.dockerfile import read_dockerfile
from app.watchlist.importing.found import judged
from app.watchlist.importing.instructions import instructions


def images(text: str, **args: str) -> list[str]:
    """What can be told, in its order."""
    return [one.text for one in read_dockerfile(text, args) if one.problem is None]


def problems(text: str) -> list[str]:
    """Why the rest cannot be told."""
    return [one.problem for one in read_dockerfile(text) if one.problem is not None]


def test_as_many_stages_as_a_file_holds() -> None:
    """Their names are not searched one by one: that took minutes."""
    begun = time.process_time()
    assert len(images("FROM a\n" * 60_000)) == 60_000
    assert time.process_time() - begun < 15


def test_stages_are_no_images() -> None:
    """Later stages build on earlier ones, by name in any case; COPY --from takes from them by name or number."""
    text = """
        FROM golang:1.25 AS Build
        FROM build AS test
        FROM scratch
        COPY --from=build /a /a
        COPY --from=0 /b /b
        COPY --chown=1:1 --from=busybox:1.37 /bin/busybox /bin/
    """
    assert images(text) == ["golang:1.25", "busybox:1.37"]


def test_a_stage_is_known_from_where_it_is_named() -> None:
    """FROM a name that only a later stage has is FROM an image, as Docker reads it."""
    assert images("FROM later\nFROM alpine AS later") == ["later", "alpine"]


def test_places_are_lines_and_stages() -> None:
    """Line and stage of each mention, named or numbered."""
    text = "# base\nFROM a AS one\n\nFROM \\\n  b\nRUN --mount=type=bind,from=c,target=/x true\n"
    found = [(one.text, one.line, one.where) for one in read_dockerfile(text)]
    assert found == [("a", 2, "stage one"), ("b", 4, "stage 1"), ("c", 6, "RUN in stage 1")]


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("ARG V=3.22\nFROM alpine:$V", "alpine:3.22"),
        ("ARG V=3.22\nFROM alpine:${V}-extra", "alpine:3.22-extra"),
        ("ARG A=1 B=\"2\" C='3'\nFROM x:$A.$B.$C", "x:1.2.3"),
        ("ARG V=3\nARG IMAGE=alpine:${V}\nFROM $IMAGE", "alpine:3"),
        ("FROM alpine:${V:-3.21}", "alpine:3.21"),
        ("ARG V\nFROM alpine:${V:-3.21}", "alpine:3.21"),
        ("ARG V=\nFROM alpine:${V-3.21}x", "alpine:x"),
        ("ARG V=1\nFROM alpine${V:+:edge}", "alpine:edge"),
        ("FROM alpine${V:+:edge}", "alpine"),
        ("ARG T=22\nFROM node:${V:-${T:-20}}", "node:22"),
        ("ARG V=1\nARG V=2\nFROM a:$V", "a:2"),
        ('FROM --platform=$BUILDPLATFORM "alpine:3.22" AS x', "alpine:3.22"),
        ("from alpine as x", "alpine"),
        ("FROM alpine # no comment", "alpine"),
    ],
)
def test_variables(text: str, image: str) -> None:
    """ARGs before the first FROM have their defaults."""
    assert images(text) == [image]


def test_arguments_win_over_defaults_of_what_is_declared() -> None:
    """A compose file's build arguments count where an ARG asks for them, and nowhere else."""
    assert images("ARG V=1\nFROM a:$V\nFROM b:${W:-0}", V="2", W="3") == ["a:2", "b:0"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ARG V\nFROM alpine:$V", "ARG V has no default"),
        ("FROM alpine:$V", "no ARG V before the first FROM"),
        ("FROM a\nARG V=1\nFROM b:$V", "no ARG V before the first FROM"),
        ("FROM alpine-$TARGETARCH", "TARGETARCH depends on the platform"),
        ("FROM alpine:${V", "a ${ is not closed"),
        ("FROM alpine:${V/a/b}", "is not understood"),
        ("FROM {{ image }}", "a template"),
        ("FROM", "FROM names no image"),
        ("FROM a\nCOPY --from=$B /x /x", "variables are not replaced here"),
    ],
)
def test_what_cannot_be_told_says_why(text: str, problem: str) -> None:
    """No guess is made."""
    assert [problem in why for why in problems(text)] == [True]


def test_heredocs_hide_what_is_in_them() -> None:
    """Quoted and unquoted names, tabs before the end, two at once, behind ONBUILD; and what only looks like one."""
    text = (
        "FROM a\nRUN <<EOF bash\nFROM no\nEOF\nRUN cat <<-'A' <<B\nFROM no\n\tA\nFROM no\nB\n"
        'COPY <<"E F" /x\nFROM no\nE F\nONBUILD RUN <<Z\nFROM no\nZ\n'
        "RUN echo $((1<<2)) x<<Q <<<W '<<R' \"<<S\"\nFROM b\n"
    )
    assert images(text) == ["a", "b"]


def test_the_escape_directive_and_continued_lines() -> None:
    """A backtick continues lines where a directive says so; comments and empty lines in between are nothing."""
    windows = "# escape=`\r\nFROM a `\r\n  # comment\r\n\r\n  AS x\r\nCOPY C:\\x\\ /\r\nFROM x\r\n"
    assert images(windows) == ["a"]
    assert images("# not=known\nFROM a\\\n:1\nRUN x \\\\\nFROM b") == ["a:1", "b"]
    assert images("FROM a\n# escape=`\nRUN x `\nFROM b") == ["a", "b"]


def test_onbuild_and_mounts() -> None:
    """What a child image will pull counts too; a frontend in `# syntax=` does not."""
    text = "# syntax=docker/dockerfile:1\nFROM a\nONBUILD COPY --from=b / /\nONBUILD RUN --mount=from=c,target=/ x"
    assert images(text) == ["a", "b", "c"]


def test_digests_and_tags() -> None:
    """Of a tag with a digest the tag is watched; a digest alone names nothing that moves; no tag is latest."""
    digest = "@sha256:" + "0" * 64
    found = [judged(one, "D") for one in read_dockerfile(f"FROM a:1{digest}\nFROM a{digest}\nFROM a")]
    assert [str(one.spec) if one.spec else one.problem for one in found] == [
        "a:1", "pinned to a digest: there is no tag to watch", "a:latest",
    ]  # fmt: skip


def test_values_that_double_one_another_come_to_an_end() -> None:
    """Two hundred ARGs of two of the one before each."""
    lines = ["ARG A0=xxxxxxxxxx", *(f"ARG A{n}=$A{n - 1}$A{n - 1}" for n in range(1, 200)), "FROM $A199"]
    assert problems("\n".join(lines)) == ["ARG A199 has no default"]


PIECES = [
    "FROM a", "FROM $X AS b", "ARG X=1", "ARG X='", "RUN <<E", "E", "\\", "`", "# escape=`", '"', "${", "}", "\n",
    "ONBUILD", "COPY --from=", "RUN --mount=from=,", " ", "\t", "\0", "\ufeff", "{{", "<<", "\r", "é",
]  # fmt: skip


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)))
@example("ONBUILD ONBUILD ONBUILD FROM")
@example("FROM " + "${A:-" * 400 + "}" * 400)
def test_any_text_can_be_read(text: str) -> None:
    """Never an error, whatever the text; every mention lies in it, and each becomes a watch or a reason."""
    lines = text.count("\n") + 1
    assert all(1 <= one.line <= lines for one in instructions(text))
    for mention in read_dockerfile(text):
        found = judged(mention, "Dockerfile")
        assert (found.spec is None) == (found.problem is not None)
        assert found.text.isprintable()
