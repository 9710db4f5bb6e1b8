"""`/status`: how the collecting is doing."""

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.history import health
from app.history.backfills import backfill_health
from app.web.charts.units import Unit
from app.web.dependencies import CurrentSettings, Now, ReadSession
from app.web.pages.words import REASONS, duration_text
from app.web.templates import render

router = APIRouter()


@router.get("/status")
async def status(
    request: Request, session: ReadSession, now: Now, settings: CurrentSettings, unit: Unit = Unit.MB
) -> HTMLResponse:
    """Hosts, quota, lag, failures, queue, past sizes, workers, warnings."""
    state = await health.status(session, now)
    context = {
        "unit": unit,
        "status": state,
        "backfills": await backfill_health(session, now, automatic=settings.backfill == "on"),
        "alive": any(worker.alive for worker in state.workers),
        "troubled": len(state.unreachable),
        "registries": sum(host.tags > 0 for host in state.hosts),
        "reasons": REASONS,
        "duration": duration_text,
        "duration_of_seconds": lambda seconds: duration_text(timedelta(seconds=seconds)),
    }
    return render(request, "status.html", context)
