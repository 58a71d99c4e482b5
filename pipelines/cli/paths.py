"""Paths that are given to commands: read from the command line, refused where they say nothing.

What may live here: the reading of one argument and the option that every command has. What may not:
looking at the disk, heavy imports (as in `pipelines.cli.app`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def path_of(text: str | Path) -> Path:
    """The path. Raises `BadParameter` for empty text, which Python takes for the current folder.

    A default is a path already and comes back as it is.
    """
    if isinstance(text, str) and not text.strip():
        raise typer.BadParameter("it is empty; name a path, or . for the folder you are in")
    return Path(text)


def home_of(text: str) -> str:
    """The data home as it was given. Raises `BadParameter` for empty text, not a wish for the default."""
    if not text.strip():
        raise typer.BadParameter("it is empty; name a folder, or leave --home out")
    return text


HomeOption = Annotated[
    str | None,
    typer.Option(
        "--home", metavar="FOLDER", help="Data home: landing, runs and the DuckDB file.", parser=home_of
    ),
]
