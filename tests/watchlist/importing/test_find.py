"""Folders and files: what is read, what is passed over and why."""

import os
import time
from pathlib import Path

import pytest

from app.watchlist.importing import Findings, ImportPathInvalid, Limits, find_images


def write(root: Path, **files: str) -> Path:
    """Files below a folder; `__` in a name stands for a slash, `_dot_` for a dot."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def places(findings: Findings) -> dict[str, str]:
    """What is to be watched, by its place."""
    return {one.location: str(one.spec) for one in findings.found if one.spec is not None}


def skipped(findings: Findings) -> dict[str, str]:
    """What was not read, and why."""
    return {one.file: one.reason for one in findings.skipped}


def test_a_folder(tmp_path: Path) -> None:
    """Names decide what is read; what is generated, hidden in tools' folders or of another kind is passed over."""
    write(
        tmp_path,
        Dockerfile="FROM a:1",
        api__Containerfile="FROM a:2",
        api__Dockerfile_dot_prod="FROM a:3",
        web_dot_dockerfile="FROM a:4",
        Dockerfile_dot_dockerignore="FROM no",
        compose_dot_yaml="services: {x: {image: 'a:5'}}",
        _dot_github__workflows__ci_dot_yml="jobs: {x: {container: 'a:6'}}",
        base_images_dot_txt="a:7*  # a pattern\n\n# nothing\n",
        notes_dot_txt="a:no",
        node_modules__x__Dockerfile="FROM no",
        _dot_git__Dockerfile="FROM no",
    )
    (tmp_path / "base_images.txt").rename(tmp_path / "base-images.txt")
    findings = find_images(tmp_path)
    assert places(findings) == {
        ".github/workflows/ci.yml:1": "a:6",
        "Dockerfile:1": "a:1",
        "api/Containerfile:1": "a:2",
        "api/Dockerfile.prod:1": "a:3",
        "base-images.txt:1": "a:7*",
        "compose.yaml:1": "a:5",
        "web.dockerfile:1": "a:4",
    }
    assert (findings.files, findings.complete, skipped(findings)) == (7, True, {})


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("ARG V=1\nFROM a:$V", "a:1"),
        ("services:\n  x:\n    image: a:2\n", "a:2"),
        ("a:3.*\n", "a:3.*"),
        ("ghcr.io/a/b:4@sha256:" + "0" * 64, "ghcr.io/a/b:4"),
        ('{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "a:5"}]}}', "a:5"),
    ],
)
def test_a_file_that_is_named_is_read_by_its_content(tmp_path: Path, text: str, spec: str) -> None:
    """Whatever it is called."""
    write(tmp_path, anything=text)
    findings = find_images(tmp_path / "anything")
    assert list(places(findings).values()) == [spec]
    assert findings.root == str(tmp_path / "anything")


def test_a_service_leads_to_its_dockerfile(tmp_path: Path) -> None:
    """Its arguments tell what the Dockerfile alone cannot; what both tell is there once; `.env` counts."""
    compose = "services: {x: {build: {context: api, args: {V: '${SUITE}'}}}}"
    write(tmp_path, compose_dot_yaml=compose, api__Dockerfile="ARG V\nFROM debian:$V\nFROM a", _dot_env="SUITE=trixie")
    findings = find_images(tmp_path)
    assert places(findings) == {"api/Dockerfile:2": "debian:trixie", "api/Dockerfile:3": "a:latest"}
    assert [one.problem for one in findings.found] == [None, None]


@pytest.mark.parametrize("context", ["..", "../outside", "/", "nowhere", "link"])
def test_nothing_outside_is_opened(tmp_path: Path, context: str) -> None:
    """A build's context may point anywhere; only what lies below the imported folder is read."""
    inside = write(tmp_path / "in", compose_dot_yaml=f"services: {{x: {{build: {context}}}}}")
    write(tmp_path, Dockerfile="FROM secret", outside__Dockerfile="FROM secret")
    (inside / "link").symlink_to(tmp_path / "outside")
    (found,) = find_images(inside).found
    assert found.problem == "its Dockerfile is not there, or outside of what is imported"


def test_what_is_not_read_says_why(tmp_path: Path) -> None:
    """Huge, binary, in another encoding, broken, a link, a pipe, a template: the rest is read all the same."""
    write(tmp_path, Dockerfile="FROM a", a_dot_yaml="a: [", b_dot_yaml="a: {{ x }}\n{{ end }}\n- x")
    (tmp_path / "huge.yaml").write_bytes(b"#" * 1_000_001)
    (tmp_path / "binary.yaml").write_bytes(b"a\0b")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "Dockerfile")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.yaml")
    findings = find_images(tmp_path)
    assert places(findings) == {"Dockerfile:1": "a:latest"}
    reasons = skipped(findings)
    assert reasons.pop("a.yaml").startswith("no YAML: ")
    assert reasons == {
        "b.yaml": "a template (Helm or alike): render it first",
        "binary.yaml": "a binary file",
        "huge.yaml": "longer than 1,000,000 bytes",
        "latin.yaml": "not UTF-8 text",
        "link.yaml": "a symbolic link",
        "pipe.yaml": "no regular file",
    }


def test_many_services_of_one_dockerfile(tmp_path: Path) -> None:
    """It is read once for each set of arguments, and not for endlessly many of those."""
    services = "".join(
        f" s{number}: {{build: .}}\n t{number}: {{build: {{args: {{V: 2}}}}}}\n" for number in range(500)
    )
    dockerfile = "ARG V=1\nFROM a:$V\n" + "FROM b\n" * 2_000
    write(tmp_path, compose_dot_yaml=f"services:\n{services}", Dockerfile=dockerfile)
    begun = time.process_time()
    findings = find_images(tmp_path, Limits(builds=2))
    assert len(findings.found) == 2_002
    assert findings.complete
    assert time.process_time() - begun < 10
    assert not find_images(tmp_path, Limits(builds=1)).complete


def test_limits_end_the_search_and_say_so(tmp_path: Path) -> None:
    """What was found until then is kept, and the result is not called complete."""
    write(tmp_path, **{f"d{number}__Dockerfile": f"FROM a:{number}" for number in range(5)})
    findings = find_images(tmp_path, Limits(files=3))
    assert len(findings.found) == 3
    assert not findings.complete
    assert skipped(findings) == {".": "more than 3 files that may name images: the search ended there"}
    assert not find_images(tmp_path, Limits(entries=4)).complete
    assert find_images(tmp_path, Limits(depth=0)).found == ()


def test_names_of_strangers_are_printable(tmp_path: Path) -> None:
    """A file's name and an image's text may hold anything; terminals and databases get signs that are harmless."""
    (tmp_path / "\x1b[2J.yaml").write_text('services: {x: {image: "a\\e[31m"}}', encoding="utf-8")
    (tmp_path / os.fsdecode(b"\xff.yaml")).write_text("a: [", encoding="utf-8")
    findings = find_images(tmp_path)
    assert [(one.location, one.text) for one in findings.found] == [("\\x1b[2J.yaml:1", "a\\x1b[31m")]
    assert [one.file for one in findings.skipped] == ["\\udcff.yaml"]


@pytest.mark.parametrize("name", ["nothing", "a\nb"])
def test_nothing_there(tmp_path: Path, name: str) -> None:
    """A path that cannot be imported is said so."""
    (tmp_path / "a\nb").mkdir()
    with pytest.raises(ImportPathInvalid, match="cannot be imported"):
        find_images(tmp_path / name)
