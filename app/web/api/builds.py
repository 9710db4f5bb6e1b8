"""Builds and the manifests they ran on."""

from fastapi import APIRouter, Request, Response

from app.history.builds import BuildFilter, BuildRow, build_detail, builds_of_manifest, builds_page, manifest_detail
from app.registry.reference import parse_digest
from app.web.api import examples
from app.web.api.answering import link, next_page, reads, send
from app.web.api.parameters import CursorText, Limit, PerhapsImage, Platforms, RowId
from app.web.api.schemas import BuildDocument, BuildList, BuildOut, ManifestDocument, ManifestOut
from app.web.cursor import decode_cursor
from app.web.dependencies import ReadSession
from app.web.release_lines import line_of

router = APIRouter(tags=["Builds"])


@router.get(
    "/builds",
    operation_id="listBuilds",
    summary="List builds",
    responses=reads(BuildList, examples.BUILDS, "reference-invalid", "cursor-invalid", "image-unknown"),
)
async def list_builds(
    request: Request,
    session: ReadSession,
    named: PerhapsImage,
    platforms: Platforms,
    limit: Limit = 100,
    cursor: CursorText = None,
) -> Response:
    """Every change of every series, last seen first; of one image, one tag, or some platforms."""
    wanted = BuildFilter(named.repository, named.tag, platforms) if named else BuildFilter(platforms=platforms)
    page = await builds_page(session, wanted, limit=limit, after=decode_cursor("builds", cursor))
    following = next_page(request, "builds", page.after)
    items = [_build(row) for row in page.items]
    return send(BuildList(items=items, next=following), headers=link(following))


@router.get(
    "/builds/{build_id}",
    operation_id="getBuild",
    summary="One build in full",
    responses=reads(BuildDocument, examples.BUILD_DOCUMENT, "build-unknown"),
)
async def get_build(session: ReadSession, build_id: RowId) -> Response:
    """Its digests, each called by what it names, its layers with their steps, and its neighbours."""
    found = await build_detail(session, build_id)
    document = BuildDocument(
        build=_build(found.build),
        tag_digest=found.tag_digest,
        manifest=ManifestOut.model_validate(found.manifest),
        previous_id=found.previous_id,
        next_id=found.next_id,
    )
    return send(document)


@router.get(
    "/manifests/{digest}",
    operation_id="getManifest",
    summary="One platform manifest",
    responses=reads(ManifestDocument, examples.MANIFEST_DOCUMENT, "reference-invalid", "manifest-unknown"),
)
async def get_manifest(session: ReadSession, digest: str) -> Response:
    """Its layers, and which builds ran on it. The digest is a platform's, not that of an index."""
    found = await manifest_detail(session, parse_digest(digest))
    builds = [_build(row) for row in await builds_of_manifest(session, digest)]
    return send(ManifestDocument(manifest=ManifestOut.model_validate(found), builds=builds))


def _build(row: BuildRow) -> BuildOut:
    known = {name: getattr(row, name) for name in BuildOut.model_fields if name != "release_line"}
    return BuildOut(**known, release_line=line_of(row))
