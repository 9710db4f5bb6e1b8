"""A cap on request bodies that ends in a problem document like every other error."""

from starlette.exceptions import HTTPException

from app.web.answers import Message
from app.web.cache import App, Receive, Scope, Send


class BodyLimit:
    """ASGI: reading more than `max_bytes` of a request raises 413, before the rest of it is taken in."""

    def __init__(self, app: App, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what is received; a declared length counts at once."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        taken = 0

        async def counting() -> Message:
            nonlocal taken
            if declared.isdigit() and int(declared[:20]) > self._max_bytes:
                raise _too_large(self._max_bytes)
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max_bytes:
                raise _too_large(self._max_bytes)
            return message

        await self._app(scope, counting, send)


def _too_large(max_bytes: int) -> HTTPException:
    return HTTPException(413, f"{max_bytes} bytes are the most that is read.", {"Connection": "close"})
