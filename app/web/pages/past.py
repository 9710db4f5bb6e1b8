"""The past of a tag: the button on its page that asks for it, and what the page says of it."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse

from app.web.dependencies import Now, WriteSession
from app.web.login import AdminForm
from app.web.pages.query import read_reference
from app.web.past import ask_for_past
from app.web.templates import url

router = APIRouter()

Text = Annotated[str, Form(max_length=400)]


@router.post("/admin/past", dependencies=[AdminForm])
async def fetch_past(session: WriteSession, now: Now, image: Text, tag: Text) -> RedirectResponse:
    """Ask for the past of a watched tag, and back to its page, which shows what becomes of it."""
    repository, name = read_reference(image, tag)
    await ask_for_past(session, repository, name, "page", now)
    return RedirectResponse(f"{url('/image', image=repository.familiar, tag=name)}#past", 303)
