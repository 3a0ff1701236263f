"""`python -m cli` is the `lethe` command."""

from cli.main import app

app()
