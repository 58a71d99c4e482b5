"""Nobody but the owner can read what the program writes, even where the umask would let everybody."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.cli.demo import land_shipped_studies
from pipelines.home import Home
from tests.end_to_end.homes import SHIPPED
from tests.privacy.planted import Used
from tests.unit.store_samples import seal_sample
from warehouse.publisher import publish


def modes(root: Path) -> dict[str, int]:
    """Rights of group and others by path, where there are any."""
    return {
        str(path.relative_to(root)): stat.S_IMODE(path.lstat().st_mode) & 0o077
        for path in (root, *root.rglob("*"))
        if not path.is_symlink() and stat.S_IMODE(path.lstat().st_mode) & 0o077
    }


def test_every_file_and_folder_the_program_made_is_for_its_owner_only(used: Used) -> None:
    made = [name for path in used.outside.iterdir() for name in modes(path)]
    assert made == []
    # The test itself made the home and its landing folder, with the rights everybody has.
    assert {name for name in modes(used.home.root) if not name.startswith("landing")} <= {"."}
    assert (used.home.dagster / "dagster.yaml").is_file()


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that everybody can enter, as can be all above it; those of pytest are closed."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_home_that_others_can_read_is_named_with_the_command_that_mends_it(reachable: Path) -> None:
    home = Home(reachable / "home").ensure()
    home.root.chmod(0o755)
    seal_sample(home.runs, "A")
    assert home.exposed() is None
    home.runs.chmod(0o750)
    done = CliRunner().invoke(app, ["publish", "--home", str(home.root)])
    assert done.exit_code == 0
    (line,) = [line for line in done.stderr.splitlines() if "others on this machine" in line]
    assert stat.S_IMODE(home.runs.stat().st_mode) == 0o750  # named, not changed
    subprocess.run(shlex.split(line.partition("Next: ")[2]), check=True)
    assert home.exposed() is None


def test_a_closed_folder_above_closes_all_below(reachable: Path) -> None:
    home = Home(reachable / "home").ensure()
    home.runs.chmod(0o777)
    home.root.chmod(0o700)
    assert home.exposed() is None


def test_the_demo_copies_its_studies_for_their_owner_only(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    before = os.umask(0)
    try:
        assert land_shipped_studies(home, SHIPPED)
    finally:
        os.umask(before)
    assert modes(home.landing) == {}


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_a_library_call_closes_the_home_it_makes(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        home = Home(tmp_path / "home").ensure()
        seal_sample(home.runs, "A")
        publish(home)
    finally:
        os.umask(before)
    assert {home.root, home.runs} & {home.root / name for name in modes(home.root)} == set()
    assert stat.S_IMODE(home.database.stat().st_mode) == 0o600
