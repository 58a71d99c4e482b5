"""`regrade ui`: the Dagster web interface for one data home, on this machine only."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

from pipelines.cli.failures import FAILED, OK
from pipelines.cli.output import say
from pipelines.home import resolve_home
from schemas.errors import RegradeError

LOOPBACK = "127.0.0.1"


def run_ui(home_option: str | None, port: int) -> int:
    """Start `dagster dev` on the loopback address and wait for it; Ctrl-C ends it with code 0.

    Raises `RegradeError` when the web interface is not installed.
    """
    if find_spec("dagster_webserver") is None:
        raise RegradeError(
            "the web interface (dagster-webserver) is not installed",
            next_action="install it with: pip install 'icans-regrade[ui]'; all other commands work without",
        )
    home = resolve_home(home_option)
    dagster_home = home.ensure_dagster()
    say(f"regrade: http://{LOOPBACK}:{port} for {home.root}; Ctrl-C ends it")
    process = subprocess.Popen(
        ui_command(port),
        env={**os.environ, "DAGSTER_HOME": str(dagster_home), "REGRADE_HOME": str(home.root)},
    )
    try:
        code = process.wait()
    except KeyboardInterrupt:  # the child got the same signal and closes by itself
        process.wait()
        return OK
    return OK if code == 0 else FAILED


def ui_command(port: int) -> list[str]:
    """The command line of the web interface: loopback only."""
    module = "pipelines.definitions"
    return [sys.executable, "-m", "dagster", "dev", "-m", module, "-h", LOOPBACK, "-p", str(port)]
