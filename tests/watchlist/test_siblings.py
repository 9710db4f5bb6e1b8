"""Which tags keep which tag's past: the catalogue's rules, on names that exist."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.registry.reference import Reference, split_pattern
from app.watchlist.catalogue import load_catalogue
from app.watchlist.defaults import default_watches
from app.watchlist.siblings import SiblingRule, date_in, order, siblings_of, switches_of

CATALOGUE = load_catalogue()

# A moving tag, tags that are its siblings, and others of the same repository that are not.
FACTS = [
    ("debian:bookworm", ["bookworm-20260918", "bookworm-20240110.1"], ["bookworm-20260918-slim", "bookworm", "12.5"]),
    ("debian:12", ["bookworm-20260918"], ["bookworm-20260918-slim", "trixie-20260918", "12.1"]),
    ("debian:bookworm-slim", ["bookworm-20260918-slim"], ["bookworm-20260918", "xbookworm-20260918-slim"]),
    ("debian:trixie-slim", ["trixie-20250811-slim"], ["bookworm-20250811-slim", "trixie-2025081-slim"]),
    ("debian:bullseye-slim", ["bullseye-20260918-slim"], ["bullseye-20260918"]),
    ("debian:stable-slim", ["stable-20260918-slim"], ["oldstable-20260918-slim", "stable-20260918"]),
    ("debian:sid", ["sid-20260918"], ["sid-20260918-slim"]),
    ("debian:latest", ["bookworm-20240110", "trixie-20250811"], ["bullseye-20240110", "trixie-20250811-slim"]),
    ("ubuntu:24.04", ["noble-20240423", "noble-20250415.1"], ["jammy-20240416", "24.04"]),
    ("ubuntu:jammy", ["jammy-20240416"], ["noble-20240423"]),
    ("ubuntu:latest", ["noble-20260410", "resolute-20260518"], ["jammy-20240416", "latest"]),
    ("alpine:3.22", ["3.22.1", "3.22.0"], ["3.2.3", "3.22", "3.22.0_rc1", "3.221.0"]),
    ("alpine:3.2", ["3.2.3"], ["3.22.1", "3.20.2"]),
    ("alpine:3", ["3.22.1", "3.9.6"], ["3.22", "20250108", "2.7.1"]),
    ("alpine:latest", ["3.22.1"], ["3.22", "edge"]),
    ("alpine:edge", ["20250108"], ["3.22.1", "2025010"]),
    ("almalinux:9", ["9.6-20250909"], ["9.6-minimal-20250909", "10.0-20250909", "9.6"]),
    ("almalinux:9-minimal", ["9.6-minimal-20250909"], ["9.6-20250909"]),
    ("almalinux:9.6", ["9.6-20250909"], ["9.5-20250410", "9.6-minimal-20250909"]),
    ("almalinux:latest", ["10.0-20250909"], ["9.6-20250909", "10.0-minimal-20250909"]),
    ("rockylinux/rockylinux:9", ["9.6.20250531"], ["9.6.20250531-minimal", "9.6"]),
    ("rockylinux/rockylinux:9-minimal", ["9.6.20250531-minimal"], ["9.6.20250531"]),
    ("amazonlinux:2023", ["2023.5.20240903.0"], ["2.0.20240903.0", "2023"]),
    ("amazonlinux:2", ["2.0.20240903.0"], ["2023.5.20240903.0", "2"]),
    ("public.ecr.aws/amazonlinux/amazonlinux:2023-minimal", ["2023.5.20240903.0-minimal"], ["2023.5.20240903.0"]),
    ("archlinux:base", ["base-20250907.0.417472"], ["base-devel-20250907.0.417472"]),
    ("archlinux:latest", ["base-20250907.0.417472"], ["multilib-devel-20250907.0.417472"]),
    ("archlinux:base-devel", ["base-devel-20250907.0.417472"], ["base-20250907.0.417472"]),
    ("photon:5.0", ["5.0-20250907"], ["4.0-20250907"]),
    ("photon:latest", ["5.0-20250907"], ["4.0-20250907"]),
    ("busybox:latest", ["1.37.0"], ["1.37.0-musl", "1.37"]),
    ("busybox:musl", ["1.37.0-musl"], ["1.37.0-glibc", "1.37.0"]),
    ("registry.opensuse.org/opensuse/tumbleweed:latest", ["20251007", "20251013.34.298"], ["latest", "20251013.34"]),
    ("registry.opensuse.org/opensuse/leap:15.6", ["15.6.7.73"], ["15.5.7.73", "15.6"]),
    ("registry.access.redhat.com/ubi9/ubi-minimal:latest", ["9.6-1752587672", "9.4-1227.1726694542"], ["9.6"]),
    ("redhat/ubi9-minimal:9.6", ["9.6-1752587672"], ["9.5-1742914212", "9.6-1752587672-source"]),
    ("mcr.microsoft.com/azurelinux/base/core:3.0", ["3.0.20250910"], ["3.0.20250910-amd64", "3.0"]),
    ("mcr.microsoft.com/dotnet/runtime-deps:8.0-bookworm-slim", ["8.0.19-bookworm-slim"], ["8.0.19"]),
    ("mcr.microsoft.com/dotnet/aspnet:8.0-noble-chiseled", ["8.0.19-noble-chiseled"], ["8.0.19-noble-chiseled-amd64"]),
    ("python:3.12-slim-bookworm", ["3.12.11-slim-bookworm"], ["3.12.11-bookworm", "3.1.11-slim-bookworm"]),
    ("python:3.11-slim-bookworm", ["3.11.13-slim-bookworm"], ["3.12.11-slim-bookworm", "3.11.0rc2-slim-bookworm"]),
    ("python:3.12-slim", ["3.12.11-slim"], ["3.12.11-slim-bookworm", "3.12.11"]),
    ("python:3.13-alpine", ["3.13.7-alpine"], ["3.13.7-alpine3.22"]),
    ("python:slim", ["3.13.7-slim"], ["3.13-slim", "3.14.0rc2-slim"]),
    ("node:20-alpine", ["20.19.4-alpine"], ["20.19-alpine", "22.19.4-alpine", "20.19.4-alpine3.22"]),
    ("node:24-bookworm-slim", ["24.7.0-bookworm-slim"], ["24.7.0-bookworm"]),
    ("golang:1.24-alpine", ["1.24.6-alpine"], ["1.25.0-alpine", "1.24.6-alpine3.22"]),
    ("golang:alpine", ["1.25.0-alpine"], ["1.25-alpine", "1.25.0-alpine3.22"]),
    ("eclipse-temurin:21-jre-noble", ["21.0.8_9-jre-noble", "21_35-jre-noble"], ["210_1-jre-noble", "21-jre-noble"]),
    ("eclipse-temurin:8-jre-noble", ["8u462-b08-jre-noble"], ["8u462-b08-jdk-noble"]),
    ("amazoncorretto:17-alpine", ["17.0.16-alpine"], ["17.0.16", "17.0.16-alpine3.22"]),
    ("openjdk:27-ea-slim", ["27-ea-13-slim"], ["27-ea-13", "26-ea-13-slim"]),
    ("ruby:3.4-slim", ["3.4.5-slim"], ["3.4.5-slim-bookworm"]),
    ("php:8.3-fpm-bookworm", ["8.3.25-fpm-bookworm"], ["8.3.25-fpm", "8.3.0RC1-fpm-bookworm"]),
    ("rust:slim-bookworm", ["1.89.0-slim-bookworm"], ["1.89-slim-bookworm"]),
    ("perl:latest", ["5.42.0"], ["5.43.1", "5.42.0-slim", "5.42"]),
    ("perl:slim", ["5.42.0-slim"], ["5.43.1-slim", "5.42.0"]),
    ("perl:5.40-slim", ["5.40.2-slim"], ["5.42.0-slim"]),
    ("nginx:stable", ["1.28.0"], ["1.29.1", "1.28.0-alpine"]),
    ("nginx:stable-alpine-slim", ["1.28.0-alpine-slim"], ["1.27.5-alpine-slim", "1.28.0-alpine"]),
    ("nginx:alpine", ["1.29.1-alpine"], ["1.28.0-alpine", "1.29.1-alpine3.22"]),
    ("postgres:16", ["16.10"], ["16.10-alpine", "16", "1.16"]),
    ("postgres:16-alpine", ["16.10-alpine"], ["16.10-alpine3.22", "16.10"]),
    ("redis:7-alpine", ["7.4.5-alpine"], ["8.2.1-alpine", "7.4-alpine"]),
    ("mysql:8.4", ["8.4.6"], ["8.4.6-oraclelinux9", "8.0.43"]),
    ("mariadb:11.4", ["11.4.8"], ["11.4.8-noble", "11.8.3"]),
    ("mongo:8.0", ["8.0.13"], ["8.0.13-noble"]),
    ("haproxy:3.0", ["3.0.11"], ["3.0.11-alpine", "3.0"]),
    ("memcached:1.6", ["1.6.39"], ["1.6.39-alpine"]),
    ("httpd:2.4", ["2.4.65"], ["2.4.65-alpine"]),
    ("tomcat:10.1-jre21", ["10.1.44-jre21"], ["10.1.44-jre21-temurin-noble", "10.1.44-jdk21"]),
    ("docker:dind", ["28.3.3-dind"], ["28.3.3-dind-rootless", "28-dind"]),
    ("bash:devel", ["devel-20250908"], ["5.2.37", "devel"]),
    ("public.ecr.aws/docker/library/debian:bookworm-slim", ["bookworm-20260918-slim"], ["bookworm-20260918"]),
    ("mirror.gcr.io/library/alpine:3.22", ["3.22.1"], ["3.22"]),
]  # fmt: skip


def rule_for(image: str) -> SiblingRule | None:
    repository, tag = split_pattern(image)
    return siblings_of(CATALOGUE, repository, tag)


@pytest.mark.parametrize(("image", "siblings", "others"), FACTS, ids=[image for image, _, _ in FACTS])
def test_names_that_exist(image: str, siblings: list[str], others: list[str]) -> None:
    """A tag's siblings are told from what merely looks like them, and hold the text that a listing is searched for."""
    rule = rule_for(image)
    assert rule is not None
    assert [name for name in siblings if not rule.matches(name)] == []
    assert [name for name in others if rule.matches(name)] == []
    for name in siblings:
        assert any(query in name for query in rule.queries)
    assert not rule.matches(split_pattern(image)[1])


@pytest.mark.parametrize(
    "image",
    ["fedora:44", "oraclelinux:9-slim", "rockylinux:9", "debian:12.5", "gcr.io/distroless/static-debian12:latest",
     "cgr.dev/chainguard/wolfi-base:latest", "ghcr.io/example/debian:bookworm", "postgres:16.10"],
)  # fmt: skip
def test_no_siblings(image: str) -> None:
    """Repositories that keep no dated tags, tags that stand still, and namesakes on other registries have none."""
    assert rule_for(image) is None


def test_default_watches_have_a_past() -> None:
    """Of what an empty database watches, most keep siblings."""
    known = [spec for spec in default_watches() if siblings_of(CATALOGUE, spec.repository, spec.tag_pattern)]
    assert len(known) >= 25


@pytest.mark.parametrize(
    ("image", "query"),
    [
        ("debian:bookworm-slim", "bookworm-"),
        ("alpine:3.22", "3.22."),
        ("python:3.12-slim-bookworm", "-slim-bookworm"),
        ("alpine:edge", ""),
        ("ubuntu:latest", ""),
    ],
)
def test_query(image: str, query: str) -> None:
    """What a listing is searched for is the longest text that all names share; two lines share none."""
    rule = rule_for(image)
    assert rule is not None
    assert rule.query == query


def test_numbers_are_ordered_as_numbers() -> None:
    """3.9 comes before 3.10, an earlier day before a later one."""
    assert order("3.9.6") < order("3.10.0") < order("3.22.1")
    assert order("bookworm-20240110.1-slim") > order("bookworm-20240110-slim")
    assert order("9.4-1227.1726694542") < order("9.6-1752587672")


def test_lines_hold_for_a_span() -> None:
    """ubuntu:latest was noble until 2026-05-04 and is resolute since; a sibling says which span it belongs to."""
    rule = rule_for("ubuntu:latest")
    assert rule is not None
    switch = datetime(2026, 5, 4, tzinfo=UTC)
    noble, resolute = rule.span_of("noble-20260410"), rule.span_of("resolute-20260518")
    assert noble is not None
    assert resolute is not None
    assert (noble.line, noble.until) == ("noble", switch)
    assert (resolute.line, resolute.since, resolute.until) == ("resolute", switch, None)


@pytest.mark.parametrize(
    ("image", "old", "new"), [("python:3.12-slim", "bookworm", "trixie"), ("debian:latest", "bookworm", "trixie")]
)
def test_known_switches(image: str, old: str, new: str) -> None:
    """Both went from bookworm to trixie on 2025-08-11."""
    repository, tag = split_pattern(image)
    before, after = switches_of(CATALOGUE, repository, tag)
    assert (before.line, after.line, after.since) == (old, new, date(2025, 8, 11))


def test_dates_in_names() -> None:
    """A day or a second that a name states; an impossible one is none."""
    assert date_in("9.6-20250909") == datetime(2025, 9, 9, tzinfo=UTC)
    assert date_in("9.6-1752587672") == datetime(2025, 7, 15, 13, 54, 32, tzinfo=UTC)
    assert date_in("bookworm-20251399") is None
    assert date_in("3.12.11-slim") is None


@given(st.text(max_size=300))
def test_any_tag_may_be_asked(tag: str) -> None:
    """No name, however long or odd, breaks the rules or matches itself."""
    for repository in ("debian", "python", "nginx", "mcr.microsoft.com/dotnet/aspnet"):
        rule = siblings_of(CATALOGUE, Reference.parse(repository).repository, tag)
        assert rule is None or not rule.matches(tag)


def test_own_rules_go_first(tmp_path: Path) -> None:
    """An operator's rules are asked before ours, for their repositories and for ours."""
    file = tmp_path / "siblings.toml"
    file.write_text(
        r"""
        [[siblings]]
        repositories = ["registry.corp.example/base/*", "debian"]
        rules = [{ tags = '(?P<name>[a-z]+)', siblings = '{name}-r\d+' }]
        [[moves]]
        repositories = ["registry.corp.example/base/*"]
        tags = 'stable'
        lines = [{ line = "el9" }, { line = "el10", since = 2026-01-02 }]
        """,
        encoding="utf-8",
    )
    catalogue = load_catalogue(file)
    for image in ("registry.corp.example/base/java:stable", "debian:stable"):
        repository, tag = split_pattern(image)
        rule = siblings_of(catalogue, repository, tag)
        assert rule is not None
        assert rule.matches("stable-r17")
    repository, tag = split_pattern("debian:bookworm-slim")
    assert siblings_of(catalogue, repository, tag) is not None, "ours count where theirs do not fit"
    assert siblings_of(catalogue, split_pattern("registry.corp.example/x:stable")[0], "stable") is None
