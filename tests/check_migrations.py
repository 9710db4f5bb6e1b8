"""`make migrations`: the migrations build exactly the schema of the models."""

import sys
import tempfile

from alembic import command
from alembic.util import CommandError

from app.schema import migrating, migration_config, upgrade


def main() -> int:
    """0 when models and migrations agree, 1 with the difference printed."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/check.db"
        upgrade(url)
        with migrating(url) as connection:
            try:
                command.check(migration_config(connection))
            except CommandError as error:
                print(f"models and migrations differ: {error}", file=sys.stderr)  # noqa: T201 - a command's output
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
