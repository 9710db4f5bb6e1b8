"""`WWW-Authenticate` as registries send it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.registry.challenge import Challenge, choose, parse_challenges

HUB = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"'


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], []),
        (
            [HUB],
            [
                (
                    "bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "registry.docker.io",
                        "scope": "repository:a/b:pull,push",
                    },
                )
            ],
        ),
        (['bEaReR Realm="https://a/t" , SERVICE=x'], [("bearer", {"realm": "https://a/t", "service": "x"})]),
        (
            ['Bearer realm="https://a/t",scope="*",Basic realm="b"'],
            [("bearer", {"realm": "https://a/t", "scope": "*"}), ("basic", {"realm": "b"})],
        ),
        (
            ['Basic realm="b"', 'Bearer realm="https://a/t"'],
            [("basic", {"realm": "b"}), ("bearer", {"realm": "https://a/t"})],
        ),
        ([r'Basic realm="a \"quoted\", one\\"'], [("basic", {"realm": 'a "quoted", one\\'})]),
        (["Basic"], [("basic", {})]),
        (["Negotiate, Basic realm=x"], [("negotiate", {}), ("basic", {"realm": "x"})]),
        (["Bearer realm = /token"], [("bearer", {"realm": "/token"})]),
        (['Bearer realm="one",realm="two"'], [("bearer", {"realm": "one"})]),
        (
            ['Bearer realm="https://a/t",error="insufficient_scope"'],
            [("bearer", {"realm": "https://a/t", "error": "insufficient_scope"})],
        ),
        (['realm="nobody\'s"'], []),
        (["", ",,, ,"], []),
    ],
    ids=range(13),
)
def test_parsing(lines: list[str], found: list[tuple[str, dict[str, str]]]) -> None:
    """Several lines, several challenges in a line, quoted commas, escapes and odd casing are all understood."""
    assert [(c.scheme, dict(c.parameters)) for c in parse_challenges(lines)] == found


@pytest.mark.parametrize(
    ("lines", "scheme"),
    [
        (['Basic realm="b"', HUB], "bearer"),
        (["Bearer", "Basic"], "basic"),
        (["Digest realm=x"], None),
        ([], None),
    ],
)
def test_choice(lines: list[str], scheme: str | None) -> None:
    """Bearer with a realm is preferred to Basic; others are no use to us."""
    chosen = choose(parse_challenges(lines))
    assert (chosen.scheme if chosen else None) == scheme


@given(st.lists(st.text(alphabet=st.characters(max_codepoint=255), max_size=60), max_size=4))
def test_any_lines_parse(lines: list[str]) -> None:
    """No header raises."""
    assert all(isinstance(challenge, Challenge) for challenge in parse_challenges(lines))


VALUES = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@given(st.dictionaries(st.sampled_from(["realm", "service", "scope", "error"]), VALUES))
def test_quoting_is_undone(parameters: dict[str, str]) -> None:
    """Whatever a value holds, quoted by the rules it comes out the same."""
    quoted = ", ".join(
        '{}="{}"'.format(name, value.replace("\\", "\\\\").replace('"', '\\"')) for name, value in parameters.items()
    )
    (challenge,) = parse_challenges([f"Bearer {quoted}"])
    assert challenge.parameters == parameters
