"""Health probes and metrics."""

from datetime import timedelta

import httpx
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete, update

from app.db import Database
from app.models import Tag, Worker
from tests.conftest import NOW


async def _samples(client: httpx.AsyncClient) -> dict[str, dict[tuple[str, ...], float]]:
    text = (await client.get("/metrics")).text
    return {
        family.name: {
            tuple(value for _, value in sorted(sample.labels.items())): sample.value for sample in family.samples
        }
        for family in text_string_to_metric_families(text)
    }


async def test_ready_needs_a_worker(client: httpx.AsyncClient, seeded: Database) -> None:
    """Ready while a worker beats; 503 names the worker, and when it was last heard, or that it never was."""
    assert (await client.get("/readyz")).json() == {"status": "ok"}
    async with seeded.writing() as session:
        await session.execute(update(Worker).values(beat_at=NOW - timedelta(minutes=3)))
    silent = await client.get("/readyz")
    async with seeded.writing() as session:
        await session.execute(delete(Worker))
    never = await client.get("/readyz")
    assert (silent.status_code, silent.json()["failing"]) == (503, ["worker"])
    assert "2026-09-01T11:57:00" in silent.json()["detail"]
    assert "none ever was" in never.json()["detail"]
    assert (await client.get("/healthz")).status_code == 200


async def test_probes_are_never_kept(client: httpx.AsyncClient) -> None:
    """A proxy must ask each time."""
    for path in ("/healthz", "/readyz"):
        assert (await client.get(path)).headers["cache-control"] == "no-store"


async def test_metrics_show_values_and_health(client: httpx.AsyncClient) -> None:
    """The value of each series, and how hosts, queue and workers are."""
    found = await _samples(client)
    sizes = found["tarewatch_image_compressed_bytes"]
    assert sizes["debian", "linux/amd64", "bookworm-slim"] > 28_000_000
    assert ("ubuntu", "linux/arm64", "24.04") not in sizes
    assert found["tarewatch_tags"] == {("failing",): 1, ("gone",): 1, ("new",): 1, ("ok",): 7}
    assert found["tarewatch_host_up"] == {
        ("docker.io",): 1,
        ("ghcr.io",): 0,
        ("mcr.microsoft.com",): 1,
        ("quay.io",): 0,
    }
    assert found["tarewatch_host_paused_seconds"] == {("ghcr.io",): 3600}
    assert found["tarewatch_host_quota_remaining"] == {("docker.io",): 7}
    assert found["tarewatch_pending_details"] == {("0", "quota"): 1}
    assert found["tarewatch_worker_heartbeat_timestamp_seconds"] == {("worker-1",): NOW.timestamp() - 10}
    assert found["tarewatch_poll_lag_seconds"] == {(): 0}


async def test_metric_labels_are_escaped(app: FastAPI, client: httpx.AsyncClient, seeded: Database) -> None:
    """Whatever a label holds, the text parses back to it."""
    hostile = 'a"b\\c\nd'
    async with seeded.writing() as session:
        await session.execute(update(Tag).where(Tag.name == "24.04").values(name=hostile))
    assert ("ubuntu", "linux/amd64", hostile) in (await _samples(client))["tarewatch_image_compressed_bytes"]


async def test_two_applications_share_nothing(app: FastAPI, client: httpx.AsyncClient) -> None:
    """Metrics are made for each answer: nothing is registered in the process, so asking twice is harmless."""
    first = await client.get("/metrics")
    app.state.bump()
    assert (await client.get("/metrics")).text == first.text
