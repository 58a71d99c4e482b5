"""Study identifiers and paths chosen to do harm: a message and an exit code, and nothing outside the home."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.home import Home
from pipelines.ingest.study import read_manifest
from schemas.errors import ManifestError
from tests.end_to_end.homes import home_with, regrade, warehouse_content
from tests.end_to_end.tiny_studies import write_tiny_study

STUDIES = {
    "sql": "x'; DROP TABLE core_runs; --",
    "quotes": "a\"b'c",
    "semicolon": "a;b",
    "line end": "TINY\n",
    "two lines": "TI\nNY",
    "parent": "..",
    "above": "../TINY",
    "deeper": "TINY/../../outside",
    "root": "/etc",
    "windows": "C:\\TINY",
    "hidden": ".work",
    "empty": "",
    "blank": " ",
    "long": "x" * 5_000,
    "nul": "TI\0NY",
    "escape": "\x1b[2J\x1b[31mTINY",
    "right to left": "\u202eYNIT",
    "option": "-x",
    "format": "{0}%s$HOME`id`",
    "surrogate": "TI\udcffNY",
}
COMMANDS = {
    "run": ["run", "{}"],
    "explain": ["explain", "{}", "TINY-S0001"],
    "verify": ["verify", "{}"],
    "report": ["report", "{}"],
    "diff": ["diff", "{}"],
    "deliver": ["deliver", "{}", "OUT"],
}
SHOWN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff]")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = home_with(tmp_path_factory.mktemp("names") / "home")
    write_tiny_study(home, "TINY")
    done = regrade(home, "run")
    assert done.exit_code == 0, done.output
    return home


def places(home: Home) -> set[str]:
    """Everything under and beside the home, but what a command may keep of itself."""
    return {str(path) for path in home.root.parent.rglob("*") if "ledger" not in path.name}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_study_that_is_no_plain_name(home: Home, command: str) -> None:
    before, content = places(home), warehouse_content(home)
    for kind, study in STUDIES.items():
        arguments = [study if part == "{}" else part for part in COMMANDS[command]]
        if "OUT" in arguments:
            arguments[arguments.index("OUT")] = str(home.root / "out")
        done = regrade(home, *arguments)
        assert done.exit_code in (1, 2), (kind, done.output)
        assert "Traceback" not in done.output, kind
        assert "unexpected" not in done.output, (kind, done.output)
        assert not SHOWN.search(done.output), (kind, done.output)
        assert len(done.output) < 2_000, kind
    assert places(home) == before
    assert warehouse_content(home) == content


@pytest.mark.parametrize(
    "name", ["x'; --", "a b", "\x1b[31m", "a;b", "\u202eTINY", "TINY\n", "x" * 65, "-x", ".hidden"]
)
def test_a_landing_folder_of_such_a_name_is_no_study(tmp_path: Path, name: str) -> None:
    home = home_with(tmp_path)
    write_tiny_study(home, "TINY")
    folder = home.landing / name
    folder.mkdir()
    manifest = (home.landing / "TINY" / "study.yaml").read_text()
    (folder / "study.yaml").write_text(manifest)
    assert home.studies() == ("TINY",)
    for command in ("run", "status"):
        done = regrade(home, command)
        assert done.exit_code == (0 if name == ".hidden" else 1)  # a study.yaml nobody reads is no success
        assert ("no study identifier" in done.output) == (name != ".hidden")
        assert not SHOWN.search(done.output)
    with pytest.raises(ManifestError):
        read_manifest(folder)


PATHS = {
    "above": "../secret.csv",
    "above, Windows": "..\\secret.csv",
    "in between": "sub/../../secret.csv",
    "root": "/etc/passwd",
    "home": "~/secret.csv",
    "drive": "C:/secret.csv",
    "device": "/dev/zero",
    "nul": '"ae\\0.csv"',
    "folder": ".",
    "itself": "study.yaml",
    "empty": '""',
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_a_path_that_leaves_the_study(tmp_path: Path, path: str) -> None:
    home = home_with(tmp_path)
    folder = write_tiny_study(home, "TINY")
    (home.landing / "secret.csv").write_text("USUBJID,AETERM\nplanted-subject,planted-term\n")
    manifest = (folder / "study.yaml").read_text()
    (folder / "study.yaml").write_text(manifest.replace("path: ae.csv", f"path: {path}"))
    done = regrade(home, "run")
    assert done.exit_code == 1, done.output
    assert "TINY" in done.output
    assert "unexpected" not in done.output
    assert "planted" not in done.output + "".join(
        path.read_text(errors="replace") for path in home.runs.rglob("*") if path.is_file()
    )


LONG = "x" * 5_000
LONG_TEXTS = {
    "path": ("path: ae.csv", f"path: {LONG}"),
    "folders": ("path: ae.csv", f"path: {'/'.join(['x' * 99] * 50)}"),
    "column": ("role: adverse_events", f"role: adverse_events\n    columns: {{grade: {LONG}}}"),
    "version": ('version: "4.03"', f'version: "{LONG}"'),
    "convention": ('version: "4.03"', f'version: "4.03"\n  conventions: [{LONG}]'),
    "release": ("study: TINY", f"study: TINY\nmapping_release: {LONG}"),
}


@pytest.mark.parametrize(("place", "text"), LONG_TEXTS.values(), ids=LONG_TEXTS)
def test_a_long_text_of_the_manifest_is_not_said_whole(tmp_path: Path, place: str, text: str) -> None:
    home = home_with(tmp_path)
    folder = write_tiny_study(home, "TINY")
    manifest = (folder / "study.yaml").read_text()
    assert place in manifest
    (folder / "study.yaml").write_text(manifest.replace(place, text))
    done = regrade(home, "run")
    assert done.exit_code == 1
    assert re.search(r"\((4,999|5,000) characters\)", done.output), done.output
    assert "Next: " in done.output
    assert len(done.output) < 1_500


def test_a_long_column_name_of_a_file_is_not_said_whole(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    folder = write_tiny_study(home, "TINY")
    rows = (folder / "ae.csv").read_text()
    (folder / "ae.csv").write_text("\n".join(f"{line},{LONG},{LONG}" for line in rows.splitlines()))
    done = regrade(home, "run")
    assert done.exit_code == 1
    assert "(5,000 characters)" in done.output
    assert len(done.output) < 1_000
