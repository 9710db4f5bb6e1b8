"""The HTML pages: server-rendered, complete without JavaScript, answered from our own database only."""

from fastapi import APIRouter

from app.web.pages import admin, build, image, images, login, past, reference, status

router = APIRouter(include_in_schema=False)
for part in (images, image, build, status, reference, login, past, admin):  # `past` before the actions of `admin`
    router.include_router(part.router)

__all__ = ["router"]
