"""Images of GitHub workflow files and actions: job containers, services, `docker://` steps.

Follows https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax.
"""

from collections.abc import Iterator

from app.watchlist.importing.found import Mention
from app.watchlist.importing.yaml_tree import Scalar, Table

_DOCKER = "docker://"


def is_workflow(document: Table) -> bool:
    """Whether a mapping looks like a workflow, or like an action's description."""
    return bool(document.table("jobs").own) or document.table("runs").scalar("using") is not None


def read_workflow(document: Table) -> Iterator[Mention]:
    """Every image that its jobs and steps run."""
    for name, job in document.table("jobs").entries().items():
        if isinstance(job, Table):
            yield from _job(job, f"job {name}")
    runs = document.table("runs")
    yield from _docker(runs.scalar("image"), "action")
    yield from _steps(runs, "action")


def _job(job: Table, where: str) -> Iterator[Mention]:
    container = job.get("container")
    image = container if isinstance(container, Scalar) else job.table("container").scalar("image")
    yield from _image(image, f"{where}, container")
    for name, service in job.table("services").entries().items():
        if isinstance(service, Table):
            yield from _image(service.scalar("image"), f"{where}, service {name}")
    yield from _steps(job, where)


def _steps(holder: Table, where: str) -> Iterator[Mention]:
    for number, step in enumerate(holder.items("steps"), 1):
        if isinstance(step, Table):
            yield from _docker(step.scalar("uses"), f"{where}, step {number}")


def _docker(text: Scalar | None, where: str) -> Iterator[Mention]:
    if text is not None and text.text.startswith(_DOCKER):
        yield from _image(text, where)


def _image(image: Scalar | None, where: str) -> Iterator[Mention]:
    if image is not None and image.text:
        problem = "an expression, known only when it runs" if "${{" in image.text else None
        yield Mention(image.text.removeprefix(_DOCKER), image.line, where, problem)
