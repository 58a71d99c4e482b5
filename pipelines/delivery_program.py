"""The program as part of a delivered folder: its sources, and the libraries it ran with.

What may live here: which files are the program. What may not: study data, a data home's folders, caches,
anything licensed; a file is taken only where it is listed below by room and suffix.
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from pathlib import Path
from typing import Final

from pipelines.code_identity import code_version

_ROOT: Final = Path(__file__).resolve().parent.parent
ROOMS: Final = ("schemas", "mappings", "pipelines", "warehouse")
_SUFFIXES: Final = frozenset(
    {
        ".py",
        ".sql",
        ".html",
        ".tsv",
        ".yaml",
        ".md",
        ".j2",
        ".css",
        ".js",
        ".json",
        ".lock",
        ".lines",
        ".sha256",
    }
)
_NOT_THE_PROGRAM: Final = ("landing", "demo", "runs", "reports", "mappings", "meddra", "icans.duckdb.json")
"""What in `warehouse/` is a data home's, or makes the studies that ship."""
LIBRARIES: Final = (
    *("dagster", "duckdb", "fastexcel", "filelock", "jinja2", "pandera", "polars", "pyarrow", "pydantic"),
    *("pyreadstat", "rapidfuzz", "rich", "ruamel.yaml", "scipy", "typer", "xlsxwriter"),
)
"""What the program imports; the versions in use are written down."""


def write_program(folder: Path) -> None:
    """Copy the sources and write a `pyproject.toml` that installs them with the libraries in use."""
    for path in program_files():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_ROOT / path, place)
    (folder / "pyproject.toml").write_text(_project(), encoding="utf-8")


def program_files() -> list[Path]:
    """The files of the program, relative to its root, sorted."""
    found = []
    for room in ROOMS:
        for path in (_ROOT / room).rglob("*"):
            inside = path.relative_to(_ROOT)
            is_hidden = any(part.startswith((".", "__pycache__")) for part in inside.parts)
            is_home = room == "warehouse" and inside.parts[1] in _NOT_THE_PROGRAM
            if path.is_file() and path.suffix in _SUFFIXES and not is_hidden and not is_home:
                found.append(inside)
    return sorted(found)


def _project() -> str:
    pinned = ",\n".join(
        f"  {json.dumps(f'{name}=={importlib.metadata.version(name)}')}" for name in LIBRARIES
    )
    packages = json.dumps(list(ROOMS))
    return f"""[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "icans-regrade"
version = {json.dumps(code_version())}
description = "The program that made this delivery, with the versions of its libraries"
requires-python = ">=3.11"
dependencies = [
{pinned}
]

[project.scripts]
regrade = "pipelines.cli:main"

[tool.hatch.build.targets.wheel]
packages = {packages}
"""
