"""Which step made which layer, told by counts."""

import pytest

from app.exchange.repo_info_steps import history, steps_of_layers

BUILD = ["ADD file:1 in /", "ENV A=1", "RUN make", 'CMD ["sh"]']


@pytest.mark.parametrize(
    ("steps", "layers", "made_by"),
    [
        (BUILD, 2, ("ADD file:1 in /", "RUN make")),
        (BUILD, 4, tuple(BUILD)),  # Windows gave every step a layer
        (BUILD, 3, (None, None, None)),
        (BUILD, 1, (None,)),
        ([], 1, (None,)),
        (["COPY a /", "WORKDIR /a", "RUN b"], 3, ("COPY a /", "WORKDIR /a", "RUN b")),
        (["COPY a /", "WORKDIR /a", "RUN b", "USER c"], 3, ("COPY a /", "WORKDIR /a", "RUN b")),
        (["COPY a /", "WORKDIR /a", "RUN b", "USER c"], 2, ("COPY a /", "RUN b")),
        (["COPY a /", "WORKDIR /a", "WORKDIR /b", "RUN b"], 3, (None, None, None)),  # which of the two?
        (
            ["RUN cmd /S /C #(nop) COPY a in C:", 'RUN cmd /S /C #(nop)  CMD ["a"]'],
            1,
            ("RUN cmd /S /C #(nop) COPY a in C:",),
        ),
        (["# ARGS: A=1\nRUN make", '# ARG: "A" => "1"\nUSER b'], 1, ("# ARGS: A=1\nRUN make",)),
        (["RUN # debian.sh --arch 'amd64'"], 1, ("RUN # debian.sh --arch 'amd64'",)),
    ],
)
def test_counts_decide(steps: list[str], layers: int, made_by: tuple[str | None, ...]) -> None:
    """Where they leave a choice, no layer has a step."""
    assert steps_of_layers(steps, layers) == made_by


def test_long_steps_are_cut() -> None:
    """As those of an image's own configuration: 4 KiB each, 256 KiB of an image."""
    cut = steps_of_layers(["RUN " + "x" * 9000] * 65, 65)
    assert cut[63] is not None
    assert len(cut[63]) == 4096
    assert cut[63].endswith("x\u2026")
    assert cut[64] is None


def test_a_block_is_dates_and_steps() -> None:
    """A step may have several lines, comments among them, and look like a date to a careless reader."""
    block = "\n# Tue, 09 Jan 2018 21:10:58 GMT\nRUN a\n# Tue, b\n# Tue, 09 Jan 2018 21:10:59 GMT\nCMD c\n```\n"
    assert history(block) == (
        ["Tue, 09 Jan 2018 21:10:58 GMT", "Tue, 09 Jan 2018 21:10:59 GMT"],
        ["RUN a\n# Tue, b", "CMD c"],
    )
    assert history("\n```\n") == ([], [])
