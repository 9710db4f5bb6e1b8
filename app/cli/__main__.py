"""`python -m app.cli`: the same as `tarewatch`."""

from app.cli import main

main()
