"""`tarewatch import ...`: history that others recorded, from files."""

import typer

app = typer.Typer(help="Take in history that others recorded, from files.", no_args_is_help=True)


@app.callback()
def import_() -> None:
    """Take in history that others recorded, from files. Nothing that was observed is ever overwritten."""
