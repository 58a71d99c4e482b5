"""A delivered folder: whole, repeatable, and verified; every way it can be wrong is seen and named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import Result

from pipelines import delivery, stages, verification
from pipelines.code_identity import code_sha256
from pipelines.delivery import csv_bytes, deliver
from pipelines.home import Home
from pipelines.stages import run_study
from schemas.digest import canonical_digest
from tests.end_to_end.homes import CHECKOUT, regrade, write_study
from tests.end_to_end.test_private_mappings import EVENTS, INVENTED, LAYERED, MANIFEST, write_acme
from tests.end_to_end.tiny_studies import write_tiny_study
from warehouse.disk import canonical_json, sha256_file, sha256_text

SECRETS = ("S0001", "S0002", "S0003", "blue lamp", "quibbling", "Quibbling")
FOLDERS = {"landing", "program", "releases", "runs", "tables"}


def snapshot(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module", autouse=True)
def _one_program() -> Iterator[None]:
    """Sources that are being edited would otherwise be other code by the time a run is verified."""
    with pytest.MonkeyPatch.context() as patched:
        digest = code_sha256()
        for module in (stages, delivery, verification):
            patched.setattr(module, "code_sha256", lambda: digest)
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with one tiny study that was run; tests leave it as they found it."""
    home = Home(tmp_path_factory.mktemp("home")).ensure()
    write_tiny_study(home, "TINY")
    run_study(home, "TINY")
    return home


@pytest.fixture(scope="module")
def original(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "delivery"
    deliver(home, "TINY", folder)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy of the delivery that a test may spoil."""
    shutil.copytree(original, tmp_path / "copy")
    return tmp_path / "copy"


def verify(folder: Path, *options: str) -> Result:
    """`regrade verify` with a data home that has nothing in it."""
    return regrade(Home(folder.parent / "empty"), "verify", str(folder), *options)


# What it holds


def test_the_command_says_what_it_wrote_and_verify_agrees(home: Home, tmp_path: Path) -> None:
    done = regrade(home, "deliver", "TINY", str(tmp_path / "out"))
    assert done.exit_code == 0, done.stderr
    assert "delivered: study TINY" in done.stdout
    found = verify(tmp_path / "out")
    assert found.exit_code == 0, found.output
    assert found.stdout.startswith("identical: study TINY, run ")
    assert "recomputed from 2 input files" in found.stdout


def test_the_same_run_gives_the_same_bytes(home: Home, original: Path, tmp_path: Path) -> None:
    deliver(home, "TINY", tmp_path / "again")
    assert snapshot(tmp_path / "again") == snapshot(original)


def test_only_its_owner_can_read_it(original: Path) -> None:
    modes = {path.stat().st_mode & 0o777 for path in (original, *original.rglob("*"))}
    assert modes == {0o700, 0o600}


def test_everything_is_there_and_listed(home: Home, original: Path) -> None:
    names = snapshot(original).keys()
    assert {name.split("/")[0] for name in names if "/" in name} == FOLDERS
    record = json.loads((original / "delivery.json").read_text(encoding="utf-8"))
    assert {entry["path"] for entry in record["files"]} == names - {"delivery.json"}
    for name in ("ae.csv", "dm.csv", "study.yaml"):
        landed = home.landing / "TINY" / name
        assert (original / "landing" / "TINY" / name).read_bytes() == landed.read_bytes()
    assert "program/pipelines/grading/kernel.py" in names
    of_a_home = ("landing", "runs", "reports", "mappings", "meddra", "icans.duckdb")
    inside = [name.removeprefix("program/warehouse/") for name in names]
    assert not [
        name for name in inside if name.startswith(of_a_home) and f"program/warehouse/{name}" in names
    ]
    assert f"releases/{record['identity']['release']['release_id']}/grades.tsv" in names
    assert "Nothing: the study uses no licensed dictionary." in (original / "README.md").read_text()


def test_no_path_of_this_machine_is_in_it(home: Home, original: Path) -> None:
    text = b"".join((original / name).read_bytes() for name in ("README.md", "delivery.json"))
    assert str(home.root).encode() not in text
    assert str(CHECKOUT).encode() not in text


def test_the_program_inside_verifies_the_folder_it_came_with(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "verify", str(folder), "--json"],
        cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(folder / "program"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["outcome"], found["remarks"]) == ("identical", [])


def test_verifying_changes_nothing(folder: Path) -> None:
    before = snapshot(folder)
    assert verify(folder).exit_code == 0
    assert snapshot(folder) == before


def test_it_is_a_data_home_that_can_be_published_and_asked(folder: Path) -> None:
    home = Home(folder)
    assert regrade(home, "publish").exit_code == 0
    asked = regrade(home, "sql", "select study_id from out_latest_runs")
    assert "TINY" in asked.stdout
    assert verify(folder).exit_code == 0  # what was added is not part of the delivery


# Where it is wrong


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def stored(folder: Path) -> Path:
    (run,) = (folder / "runs" / "TINY").glob("*/run.json")
    return run.parent


PLACES: dict[str, Callable[[Path], Path]] = {
    "README": lambda folder: folder / "README.md",
    "input": lambda folder: folder / "landing" / "TINY" / "ae.csv",
    "manifest": lambda folder: folder / "landing" / "TINY" / "study.yaml",
    "release": lambda folder: next((folder / "releases").glob("*/grades.tsv")),
    "result": lambda folder: stored(folder) / "core_event_grades.parquet",
    "record of the run": lambda folder: stored(folder) / "run.json",
    "CSV copy": lambda folder: folder / "tables" / "core_studies.csv",
    "program": lambda folder: folder / "program" / "schemas" / "base.py",
}


@pytest.mark.parametrize("damage", [flip, Path.unlink], ids=["a bit flipped", "missing"])
@pytest.mark.parametrize("place", PLACES)
def test_a_damaged_file_is_a_difference_and_is_named(
    folder: Path, place: str, damage: Callable[[Path], None]
) -> None:
    path = PLACES[place](folder)
    damage(path)
    found = verify(folder)
    assert found.exit_code == 1, found.output
    assert found.stdout.startswith("differs: study TINY")
    assert path.name in found.stdout
    assert "sha256 differs" in found.stdout or "is missing" in found.stdout
    assert "identical" not in found.stdout


def test_a_folder_without_a_readable_record_cannot_be_compared(folder: Path) -> None:
    path = folder / "delivery.json"
    path.write_bytes(path.read_bytes()[:-40])
    found = verify(folder)
    assert (found.exit_code, found.stdout) == (2, "")
    assert "no delivery this version can read" in found.stderr
    path.unlink()
    assert verify(folder).exit_code == 2


def test_an_altered_record_is_a_difference(folder: Path) -> None:
    path = folder / "delivery.json"
    path.write_text(path.read_text().replace('"program_included": true', '"program_included": false'))
    found = verify(folder)
    assert found.exit_code == 1
    assert "delivery.json: the record of the delivery was altered" in found.stdout


def test_files_that_were_added_are_named_and_differ_from_nothing(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    assert "not part of the delivery" not in verify(folder).stdout
    (folder / "tables" / "core_more.csv").write_text("a\n1\n")
    (folder / "program" / "pipelines" / "more.py").symlink_to("/nowhere")
    done = verify(folder)
    assert done.exit_code == 0, done.output
    said = "not part of the delivery, added by somebody: program/pipelines/more.py and 1 more"
    assert said in " ".join(done.output.split())


def test_a_record_that_names_files_outside_reads_none_of_them(folder: Path) -> None:
    (folder.parent / "outside.txt").write_text("x")
    record = json.loads((folder / "delivery.json").read_text())
    record["files"].append({"path": "../outside.txt", "bytes": 1, "sha256": sha256_text("x")})
    write_record(folder, record)
    found = verify(folder)
    assert found.exit_code == 1
    assert "../outside.txt: the record names a file outside the folder" in found.stdout


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write `delivery.json` with hashes that fit, as somebody would who wants to be believed."""
    record.pop("record_sha256", None)
    for entry in record["files"]:
        if not entry["path"].startswith(".."):
            entry["sha256"] = sha256_file(folder / entry["path"])
    record["record_sha256"] = sha256_text(canonical_json(record))
    (folder / "delivery.json").write_text(json.dumps(record), encoding="utf-8")


def forge(folder: Path, table: str, edit: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Change a result and every hash and copy of it, so that only a recomputation can tell."""
    path = stored(folder) / f"{table}.parquet"
    frame = edit(pl.read_parquet(path))
    frame.write_parquet(path)
    run = json.loads((stored(folder) / "run.json").read_text())
    run.pop("record_sha256")
    for entry in run["tables"]:
        if entry["name"] == table:
            entry.update(rows=frame.height, sha256=sha256_file(path), digest=canonical_digest(frame))
    run["record_sha256"] = sha256_text(canonical_json(run))
    (stored(folder) / "run.json").write_text(canonical_json(run) + "\n", encoding="utf-8")
    (folder / "tables" / f"{table}.csv").write_bytes(csv_bytes(frame))
    write_record(folder, json.loads((folder / "delivery.json").read_text()))


def low_of_row_2(frame: pl.DataFrame) -> pl.DataFrame:
    is_second = pl.int_range(pl.len()) == 1
    return frame.with_columns(low=pl.when(is_second).then(pl.col("high") + 1).otherwise("low").cast(pl.Int8))


def test_a_forged_result_is_found_by_table_row_and_column(folder: Path) -> None:
    forge(folder, "core_event_grades", low_of_row_2)
    found = verify(folder)
    assert found.exit_code == 1, found.output
    assert "core_event_grades, row 2, column low: " in found.stdout
    assert "is stored, " in found.stdout
    for secret in SECRETS:
        assert secret not in found.output


def test_a_changed_word_is_named_by_its_place_and_not_shown(folder: Path) -> None:
    forge(folder, "core_adverse_events", lambda frame: frame.with_columns(verbatim_term=pl.lit("Quibbling")))
    found = verify(folder)
    assert found.exit_code == 1, found.output
    assert "core_adverse_events, row 1, column verbatim_term: the cell differs" in found.stdout
    for secret in SECRETS:
        assert secret not in found.output


def test_a_row_taken_away_is_found(folder: Path) -> None:
    forge(folder, "core_event_grades", lambda frame: frame.head(-1))
    found = verify(folder)
    assert found.exit_code == 1, found.output
    assert "core_event_grades, row 3: 2 rows stored, 3 recomputed" in found.stdout


def test_a_forged_manifest_and_a_forged_copy_are_found(folder: Path) -> None:
    manifest = folder / "landing" / "TINY" / "study.yaml"
    manifest.write_text(manifest.read_text() + "attribution: ignore\n")
    copy = folder / "tables" / "core_studies.csv"
    copy.write_bytes(copy.read_bytes().replace(b"TINY", b"TUNY"))
    write_record(folder, json.loads((folder / "delivery.json").read_text()))
    found = verify(folder)
    assert found.exit_code == 1
    assert "study.yaml: the manifest is not the one of the run" in found.stdout
    assert "core_studies.csv: the CSV copy is not that of the table of the run" in found.stdout


# Other code


def test_other_code_with_the_same_results_is_identical_and_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "code_sha256", lambda: "d" * 64)
    found = verify(folder)
    assert found.exit_code == 0, found.output
    assert "note: version" in found.stdout
    assert "(sources dddddddddddd) recomputed it" in found.stdout


def test_other_code_with_other_results_says_nothing_about_the_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge(folder, "core_event_grades", low_of_row_2)
    monkeypatch.setattr(verification, "code_sha256", lambda: "d" * 64)
    found = verify(folder, "--json")
    assert found.exit_code == 2, found.output
    said = json.loads(found.stdout)
    assert said["outcome"] == "not_compared"
    assert "other code recomputed them than made them" in said["reason"]
    assert (said["differences"][0]["table"], said["differences"][0]["row"]) == ("core_event_grades", 2)


# Runs of the data home


def test_a_run_of_the_home_is_verified_by_the_id_of_its_study(home: Home) -> None:
    found = regrade(home, "verify", "TINY")
    assert found.exit_code == 0, found.output
    assert found.stdout.startswith("identical: study TINY")


def test_a_changed_input_of_the_home_cannot_be_compared(home: Home, tmp_path: Path) -> None:
    shutil.copytree(home.root, tmp_path / "own")
    own = Home(tmp_path / "own")
    with (own.landing / "TINY" / "ae.csv").open("a") as stream:
        stream.write("TINY-S0003,1,late,Headache,Nervous system disorders,1,2017-03-09,2017-03-09\n")
    found = regrade(own, "verify", "TINY")
    assert found.exit_code == 2, found.output
    assert found.stdout.startswith("could not compare: study TINY")
    assert "TINY/ae.csv: the input file is not the one the run read" in found.stdout
    refused = regrade(own, "deliver", "TINY", str(tmp_path / "out"))
    assert refused.exit_code == 1
    assert "TINY/ae.csv: the input file is not the one the run read" in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own"]
    assert regrade(own, "run", "TINY").exit_code == 0
    assert regrade(own, "verify", "TINY").exit_code == 0


def test_an_earlier_run_is_delivered_by_its_id_with_the_manifest_it_had(home: Home, tmp_path: Path) -> None:
    shutil.copytree(home.root, tmp_path / "own")
    own = Home(tmp_path / "own")
    (old,) = (path.parent.name for path in (own.runs / "TINY").glob("*/run.json"))
    manifest = own.landing / "TINY" / "study.yaml"
    manifest.write_text(manifest.read_text() + "attribution: ignore\n")
    assert regrade(own, "run", "TINY").exit_code == 0
    done = regrade(own, "deliver", "TINY", str(tmp_path / "out"), "--run", old[:8])
    assert done.exit_code == 0, done.stderr
    assert old[:12] in done.stdout
    assert (
        "ignore"
        not in (tmp_path / "out" / "landing" / "TINY" / "study.yaml").read_text().split("attribution")[0]
    )
    assert verify(tmp_path / "out").exit_code == 0
    assert regrade(own, "verify", "TINY", "--run", old[:8]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("verify", "NOPE"), 2, "the study has no run"),
        (("verify", "../NOPE"), 2, "no study identifier"),
        (("verify", "TINY", "--run", "ffffffff"), 2, "the study has no such run"),
        (("deliver", "NOPE", "out"), 1, "the study has no run"),
        (("deliver", "TINY", "."), 1, "there is something in this place already"),
    ],
)
def test_what_cannot_be_done_says_why(home: Home, arguments: tuple[str, ...], code: int, says: str) -> None:
    found = regrade(home, *arguments)
    assert found.exit_code == code, found.output
    assert says in found.stderr


# A licensed dictionary


@pytest.fixture(scope="module")
def licensed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("licensed")).ensure()
    files: dict[str, str | bytes] = {
        "ae.csv": EVENTS,
        "dm.csv": "USUBJID,AGE,AGEU,RFSTDTC\nP-1,54,YEARS,2017-03-01\n",
        "study.yaml": MANIFEST.format(study="LAYERED", more=LAYERED),
    }
    write_study(home, "LAYERED", files)
    shutil.copytree(INVENTED, home.meddra / "99.1")
    write_acme(home)
    run_study(home, "LAYERED")
    return home


def test_the_dictionary_is_needed_not_included_and_said_to_be(licensed: Home, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    done = regrade(licensed, "deliver", "LAYERED", str(folder))
    assert done.exit_code == 0, done.stderr
    assert "not in it  MedDRA 99.1" in done.stdout
    assert "## Not included: MedDRA 99.1" in (folder / "README.md").read_text()
    names = snapshot(folder)
    assert not [name for name in names if name.endswith(".asc") or "meddra/" in name]
    assert "mappings/acme/overlay.yaml" in names
    words = {line.split("$")[1] for line in (INVENTED / "MedAscii" / "pt.asc").read_text().splitlines()}
    own = EVENTS + "".join(path.read_text() for path in (licensed.overlays / "acme").iterdir())
    for word in (word.encode() for word in words if word.lower() not in own.lower()):
        assert not [name for name, content in names.items() if word in content and "program/" not in name]

    without = verify(folder)
    assert without.exit_code == 2, without.output
    assert "there is no MedDRA 99.1" in without.stdout
    assert regrade(licensed, "verify", str(folder)).exit_code == 0  # the home has a licensed copy
    shutil.copytree(INVENTED, folder / "meddra" / "99.1")
    assert verify(folder).exit_code == 0


def test_an_overlay_that_was_changed_since_is_not_delivered(licensed: Home, tmp_path: Path) -> None:
    shutil.copytree(licensed.root, tmp_path / "own")
    own = Home(tmp_path / "own")
    shutil.rmtree(own.overlays / "acme")
    write_acme(own, note="another reason")
    refused = regrade(own, "deliver", "LAYERED", str(tmp_path / "out"))
    assert refused.exit_code == 1
    assert "other content than the one the run was graded by" in refused.stderr
    assert regrade(own, "verify", "LAYERED").exit_code == 2
