"""`/metrics`: our own health and the value of every series, for Prometheus."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from app.history.health import HostHealth, Status, status
from app.history.latest import Gauge, latest_all
from app.web.dependencies import Now, ReadSession

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
async def metrics(session: ReadSession, now: Now) -> Response:
    """The text format; label values are escaped by the library."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(await status(session, now), await latest_all(session), now))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


@dataclass(frozen=True, slots=True)
class _Snapshot(Collector):
    """The families of one moment."""

    status: Status
    gauges: Sequence[Gauge]
    now: datetime

    def collect(self) -> Iterable[Metric]:
        """Called by `generate_latest`."""
        yield from _tags(self.status)
        yield from _queue(self.status)
        yield from _hosts(self.status.hosts, self.now)
        beats = [(worker.id, worker.beat_at.timestamp()) for worker in self.status.workers]
        yield _family("worker_heartbeat_timestamp_seconds", "Last sign of life of a worker.", ["worker"], beats)
        yield _family("revision", "Grows with every recorded change.", [], [(self.status.revision,)])
        sizes = [(one.image, one.tag, one.platform, one.compressed_bytes) for one in self.gauges]
        help_ = "Sum of the compressed layers of a tag on a platform."
        yield _family("image_compressed_bytes", help_, ["image", "tag", "platform"], sizes)


def _family(name: str, help_: str, labels: Sequence[str], samples: Iterable[tuple[str | float, ...]]) -> Metric:
    """A gauge; each sample is its label values and, last, its value."""
    family = GaugeMetricFamily(f"tarewatch_{name}", help_, labels=labels)
    for *names, value in samples:
        family.add_metric([str(one) for one in names], float(value))
    return family


def _tags(found: Status) -> Iterator[Metric]:
    counts = found.counts
    yield _family("repositories", "Repositories with a watched tag.", [], [(counts.repositories,)])
    yield _family("series", "Offered tag and platform pairs.", [], [(counts.series,)])
    states = {"failing": counts.failing_tags, "gone": counts.gone_tags, "new": counts.new_tags}
    states["ok"] = counts.tags - sum(states.values())
    yield _family("tags", "Watched tags by what the last look gave.", ["status"], states.items())


def _queue(found: Status) -> Iterator[Metric]:
    yield _family("due_tags", "Watched tags whose next look is due.", [], [(found.due_tags,)])
    lag = found.lag.total_seconds()
    yield _family("poll_lag_seconds", "How long the most overdue tag has been waiting.", [], [(lag,)])
    if found.last_check_at:
        at = found.last_check_at.timestamp()
        yield _family("last_poll_timestamp_seconds", "The last look that got an answer.", [], [(at,)])
    waiting = [(one.reason, str(one.priority), one.count) for one in found.pending]
    yield _family(
        "pending_details", "Documents still to be read, for bytes or for layers.", ["reason", "priority"], waiting
    )


def _hosts(hosts: Sequence[HostHealth], now: datetime) -> Iterator[Metric]:
    up = [(host.name, host.state in {"ok", "unmet"}) for host in hosts]
    yield _family("host_up", "1 when a registry answers, 0 while it fails or pauses us.", ["registry"], up)
    failures = [(host.name, host.failures) for host in hosts]
    yield _family("host_failures", "Looks in a row without a usable answer.", ["registry"], failures)
    paused = [(host.name, (host.paused_until - now).total_seconds()) for host in hosts if host.paused_until]
    yield _family("host_paused_seconds", "How long a registry is still left alone.", ["registry"], paused)
    limits = [(host.name, host.quota.limit) for host in hosts if host.quota]
    yield _family("host_quota_limit", "Counted pulls that a registry allows per window.", ["registry"], limits)
    left = [(host.name, host.quota.remaining) for host in hosts if host.quota]
    yield _family("host_quota_remaining", "Counted pulls that were left when last told.", ["registry"], left)
