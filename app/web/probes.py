"""`/healthz`: the process runs. `/readyz`: it can answer, and somebody polls."""

from fastapi import APIRouter, Response

from app.history.health import WORKER_SILENCE, workers
from app.web.dependencies import Now, ReadSession
from app.web.problems import Problem

router = APIRouter(include_in_schema=False)

_LIVE = {"cache-control": "no-store"}


@router.get("/healthz")
async def healthz() -> Response:
    """Says nothing about the database: a restart would not mend that."""
    return Response(b'{"status":"ok"}', headers=_LIVE, media_type="application/json")


@router.get("/readyz")
async def readyz(session: ReadSession, now: Now) -> Response:
    """503 names what is missing: the database (see `errors`), or the heartbeat of a worker."""
    known = await workers(session, now)
    if not any(worker.alive for worker in known):
        minutes = int(WORKER_SILENCE.total_seconds() // 60)
        last = (
            f"the last one was heard at {known[0].beat_at.isoformat(timespec='seconds')}" if known else "none ever was"
        )
        detail = f"No worker was heard of in the last {minutes} minutes; {last}."
        raise Problem("not-ready", detail, "Start `tarewatch worker`.", _LIVE, {"failing": ["worker"]})
    return Response(b'{"status":"ok"}', headers=_LIVE, media_type="application/json")
