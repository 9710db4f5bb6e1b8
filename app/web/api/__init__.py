"""The JSON API under /api/v1: one file per kind of thing."""

from fastapi import APIRouter

from app.web.api import backfills, builds, export, images, series, status, watches

router = APIRouter(prefix="/api/v1")
for part in (images, series, builds, export, watches, backfills, status):
    router.include_router(part.router)

__all__ = ["router"]
