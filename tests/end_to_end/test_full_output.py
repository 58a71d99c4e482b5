"""Output that nobody can take: a full disk behind `>` costs one line on stderr, not a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["mappings", "--help"], ["status", "--json"]]
)
def test_a_full_disk_behind_the_output_is_told_in_one_line(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    if arguments[0] == "status":
        command += ["--home", str(tmp_path)]

    with FULL.open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "regrade: No space left on device. Next: check the path, its permissions and the free disk space"
    ]
