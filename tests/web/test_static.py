"""Static files."""

import httpx

from app.web.templates import static_url


async def test_versioned_file_is_kept_for_ever(client: httpx.AsyncClient) -> None:
    """With its content's hash in the address a file never changes; without, or with another one, it may."""
    lasting = await client.get(static_url("app.css"))
    assert lasting.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert lasting.headers["content-type"].startswith("text/css")
    assert lasting.headers["content-encoding"] == "gzip"
    for query in ("", "?v=", "?v=0", "?v=00000000"):
        assert (await client.get(f"/static/app.css{query}")).headers["cache-control"] == "no-cache"


async def test_scripts_are_scripts(client: httpx.AsyncClient) -> None:
    """With nosniff a wrong type would not run."""
    assert (await client.get("/static/theme.js")).headers["content-type"].startswith("text/javascript")
