"""Where templates, static files and migrations lie: in a checkout, or inside an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource_dir(name: str) -> Path:
    """The folder `name` ("templates", "static", "migrations"); FileNotFoundError names where it was looked for."""
    for root in (_PACKAGE.parent, _PACKAGE / "_resources"):
        if (root / name).is_dir():
            return root / name
    raise FileNotFoundError(
        f"no {name}/ beside {_PACKAGE} nor in {_PACKAGE / '_resources'}: the installation is broken"
    )
