"""One of several processes that write into the same home: calls commands one after the other, and tells.

    python -m tests.robustness.writer FILE GATE < commands

Each line of the input is one command. It starts when the file GATE is there, and writes what came of each
command to FILE as JSON: the words, the exit code, seconds and what was said on standard error.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.cli.running import run_studies  # noqa: F401 - imported before the gate opens


def main() -> None:
    told, gate = Path(sys.argv[1]), Path(sys.argv[2])
    commands = [line.split() for line in sys.stdin.read().splitlines()]
    told.with_suffix(".ready").touch()
    while not gate.exists():
        time.sleep(0.01)
    done = []
    for words in commands:
        began = time.time()
        result = CliRunner().invoke(app, words)
        done.append(
            {
                "words": words,
                "exit_code": result.exit_code,
                "seconds": time.time() - began,
                "said": result.stderr,
            }
        )
    told.write_text(json.dumps(done), encoding="utf-8")


if __name__ == "__main__":
    main()
