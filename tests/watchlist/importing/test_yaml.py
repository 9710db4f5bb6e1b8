"""YAML of strangers, and what is in it: compose files, Kubernetes manifests, workflows."""

import time
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.watchlist.importing.compose import read_env
from app.watchlist.importing.found import Build, Mention
from app.watchlist.importing.kinds import Kind, NotRead, read
from app.watchlist.importing.yaml_tree import Items, Node, Scalar, Table, YamlInvalid, documents


def found(text: str, **variables: str) -> list[Mention | Build]:
    """Everything in a YAML file."""
    return list(read(Kind.YAML, dedent(text), variables))


def told(text: str, **variables: str) -> dict[str, str]:
    """Images and where they are, or the reason why not."""
    mentions = [one for one in found(text, **variables) if isinstance(one, Mention)]
    return {one.text: one.problem or one.where for one in mentions}


COMPOSE = """
    x-cache: &cache
      image: redis:${REDIS:-7}
    services:
      web:
        image: shop/web
        build:
          context: ./web
          dockerfile: prod.Dockerfile
          args: ["BASE=debian:${SUITE}", "GIVEN_BY_THE_ENVIRONMENT"]
      worker: {image: shop/web}
      cache:
        <<: *cache
        profiles: [dev, ci]
      database: {image: "postgres:$PG"}
      old: {build: ./old}
      far: {build: "https://example.org/x.git"}
"""


def test_compose() -> None:
    """Images of services with merges and profiles; Dockerfiles of those that are built; nothing that is built here."""
    assert told(COMPOSE, SUITE="trixie") == {
        "shop/web": "built by another service of this file",
        "redis:7": "service cache (profile dev, ci)",
        "postgres:$PG": "PG is not set",
        "https://example.org/x.git": "built from what lies elsewhere",
    }
    builds = [one for one in found(COMPOSE, SUITE="trixie") if isinstance(one, Build)]
    assert builds == [
        Build("web/prod.Dockerfile", 8, "service web", {"BASE": "debian:trixie"}),
        Build("old/Dockerfile", 16, "service old", {}),
    ]


def test_compose_variables() -> None:
    """`$$` is a dollar sign, defaults nest, and one variable may turn into a whole reference."""
    text = "services: {a: {image: '${IMAGE}:${TAG:-${FALLBACK-1}}'}, b: {image: 'x:$$y'}, c: {image: '${Z:?say}'}}"
    assert told(text, IMAGE="alpine", TAG="") == {
        "alpine:1": "service a",
        "x:$y": "service b",
        "${Z:?say}": "Z is not set",
    }


def test_inline_dockerfiles() -> None:
    """A Dockerfile inside of a compose file, its line counted in the file."""
    text = """
        services:
          a:
            build:
              dockerfile_inline: |
                FROM alpine:3
                RUN true
                FROM busybox
    """
    places = [(one.text, one.line) for one in found(text) if isinstance(one, Mention)]
    assert places == [("alpine:3", 6), ("busybox", 8)]


def test_env_files() -> None:
    """Quotes, comments, `export`, and lines that are nothing."""
    text = "A=1\n# B=2\nexport C='3 # 3'\nD=4 # four\n=5\nE F=6\nG=\nno\n"
    assert read_env(text) == {"A": "1", "C": "3 # 3", "D": "4", "G": ""}


def test_kubernetes() -> None:
    """Every place of a pod in every kind of object, in several documents and Lists."""
    text = """
        apiVersion: v1
        kind: List
        items:
        - apiVersion: batch/v1
          kind: CronJob
          metadata: {name: nightly}
          spec:
            jobTemplate: {spec: {template: {spec: {
              initContainers: [{name: wait, image: busybox}],
              containers: [{name: job, image: "ghcr.io/a/b:1"}],
              ephemeralContainers: [{name: debug, image: "x:${TAG}"}],
              volumes: [{name: models, image: {reference: quay.io/m/n:2}}]}}}}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: one}
        spec:
          containers:
          - image: nginx:1.29
          - image: {{ .Values.image }}
        ---
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        spec: {properties: {containers: {type: array, image: no}}}
    """
    assert told(text) == {
        "busybox": "CronJob nightly, init container wait",
        "ghcr.io/a/b:1": "CronJob nightly, container job",
        "x:${TAG}": "a template",
        "quay.io/m/n:2": "CronJob nightly, volume",
        "nginx:1.29": "Pod one, container",
        "{{ ... }}": "a template",
    }


def test_templates_are_left_alone_politely() -> None:
    """What is no YAML because it is a template says so."""
    with pytest.raises(NotRead, match="render it first"):
        found("apiVersion: v1\n{{- if .Values.on }}\nkind: Pod\n{{ end }}")


def test_workflows_and_actions() -> None:
    """Containers of jobs in both spellings, services, docker:// steps; other steps are no images."""
    text = """
        on: push
        jobs:
          test:
            container: {image: "node:22"}
            services: {db: {image: "postgres:17"}, any: {image: "${{ matrix.db }}"}}
            steps:
            - uses: actions/checkout@v5
            - uses: docker://alpine:3.22
          short: {container: "debian:13", steps: [run: "true"]}
    """
    assert told(text) == {
        "node:22": "job test, container",
        "postgres:17": "job test, service db",
        "${{ matrix.db }}": "an expression, known only when it runs",
        "alpine:3.22": "job test, step 2",
        "debian:13": "job short, container",
    }
    action = "runs: {using: docker, image: 'docker://ghcr.io/a/b:1'}\n"
    assert told(action) == {"ghcr.io/a/b:1": "action"}


def nested(levels: int) -> str:
    """Each level ten times the one before."""
    aliases = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels))
    return f"a0: &a0 [x]\n{aliases}\napiVersion: v1\nkind: Pod\nspec: {{containers: [{{image: a}}]}}"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 900_000,
        "- " * 450_000,
        "{a: " * 200_000,
        "? " * 450_000,
        "&a [*a, *b, *a]",
        "- x\n" * 240_000,
        "!!python/object/apply:os.system ['exit 1']",
        "%YAML 9.9\n---\na",
        "a: \x01",
        '"\\ud800"',
        "a: b: c",
        "*nobody",
        nested(60),
    ],
    ids=lambda text: text[:12],
)
def test_hostile_yaml(text: str) -> None:
    """Refused or read, within a second or two, and nothing in it is run."""
    begun = time.monotonic()
    try:
        for document in documents(text):
            assert isinstance(document, Scalar | Items | Table)
        list(read(Kind.YAML, text, {}))
    except YamlInvalid as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "text",
    [
        nested(60),
        f"x: &s [{', '.join(['{uses: docker://a}'] * 5_000)}]\njobs:\n"
        + "".join(f" j{number}: {{steps: *s}}\n" for number in range(5_000)),
        f"x: &a {{{', '.join(f'k{number}: 1' for number in range(5_000))}}}\nservices:\n"
        + "".join(f" s{number}: {{<<: *a, build: {{args: *a}}}}\n" for number in range(5_000)),
        f"services:\n s0: {{build: {{dockerfile_inline: &d '{'FROM a ' * 20_000}'}}}}\n"
        + "".join(f" s{number}: {{build: {{dockerfile_inline: *d}}}}\n" for number in range(1, 5_000)),
    ],
    ids=["exponential", "steps", "merges", "inline"],
)
def test_bombs_of_aliases_are_refused(text: str) -> None:
    """What little text says a million times over would fill the memory, or never end."""
    with pytest.raises(YamlInvalid, match="once its aliases are followed"):
        list(documents(text))


def test_aliases_as_people_use_them() -> None:
    """Hundreds of services that share a part are no bomb, nor is a long list of merges."""
    shared = f"x: &a {{{', '.join(f'k{number}: 1' for number in range(50))}}}\nservices:\n"
    text = shared + "".join(f" s{number}: {{<<: *a, image: 'b:{number}'}}\n" for number in range(500))
    assert len(told(text)) == 500
    begun = time.monotonic()
    text = f"services: {{x: {{image: a, <<: [{', '.join(f'{{k{number}: 1}}' for number in range(30_000))}]}}}}"
    assert list(told(text)) == ["a"]
    assert time.monotonic() - begun < 10


def test_an_object_that_holds_itself() -> None:
    """An alias of a mapping within that mapping, and a merge of itself."""
    text = "apiVersion: v1\nkind: Pod\nspec: &s {containers: [{image: a}], again: *s, <<: *s}\n"
    assert list(told(text)) == ["a"]


@given(st.text(alphabet=st.sampled_from("ab:- \n\t[]{}&*!|>'\"%#,?<\\"), max_size=60))
def test_any_text_is_yaml_or_refused(text: str) -> None:
    """No other error than the one that callers expect."""
    try:
        trees: list[Node] = list(documents(text))
    except YamlInvalid:
        return
    for tree in trees:
        if isinstance(tree, Table):
            tree.entries()
