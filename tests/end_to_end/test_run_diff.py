"""`regrade diff` on real run folders: true causes, exit codes, and what must never be said."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines import stages
from pipelines.grading.kernel import grade_study
from pipelines.home import Home
from pipelines.report.document import Document
from pipelines.report.document_file import read_document
from pipelines.report.html import render_html
from pipelines.run_comparisons import compare_stored_runs
from pipelines.stages import run_study
from schemas.run_diffs import RUN_DIFF_TABLES
from tests.end_to_end.homes import SHIPPED, home_with, regrade
from tests.end_to_end.tiny_studies import write_tiny_study
from warehouse.run_store import RunStore, StoredRun

PILOT = "CDISCPILOT01"
REMOVED, REGRADED = 50, 20
OTHER_WORD = {"MILD": "SEVERE", "MODERATE": "MILD", "SEVERE": "MODERATE"}
STUDY = "TINY"
NO_RESULT = ("source_file", "source_row", "mapping_layer")


@pytest.fixture(scope="module")
def four_runs(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Home, dict[str, StoredRun], set[Any], set[Any]]:
    """The pilot trial and a copy with 50 rows fewer and 20 other grades, each under two releases."""
    home = home_with(tmp_path_factory.mktemp("pilot"), SHIPPED / PILOT)
    folder = home.landing / PILOT
    ids = {"neither": run_study(home, PILOT).run_id}
    ids["release"] = run_study(home, PILOT, release_id="1.1.0").run_id
    store = RunStore(home.runs)
    events = store.find(PILOT, ids["neither"]).table("raw_0_adverse_events").drop("__row")  # type: ignore[union-attr]
    chosen = random.Random(7).sample(range(events.height), REMOVED + REGRADED)
    rows = events.to_dicts()
    for place in chosen[REMOVED:]:
        rows[place]["AESEV"] = OTHER_WORD[rows[place]["AESEV"]]
    kept = [row for place, row in enumerate(rows) if place not in chosen[:REMOVED]]
    pl.DataFrame(kept, schema=events.schema).write_csv(folder / "ae.csv")
    (folder / "ae.xpt").unlink()
    manifest = (folder / "study.yaml").read_text().replace("ae.xpt", "ae.csv").replace("1191", "1141")
    (folder / "study.yaml").write_text(manifest)
    ids["data"] = run_study(home, PILOT).run_id
    (folder / "study.yaml").write_text(
        manifest.replace('mapping_release: "1.0.0"', 'mapping_release: "1.1.0"')
    )
    ids["both"] = run_study(home, PILOT).run_id
    runs = {name: run for name, run_id in ids.items() if (run := store.find(PILOT, run_id)) is not None}
    keys = [(row["USUBJID"], row["AESEQ"]) for row in rows]
    return home, runs, {keys[n] for n in chosen[:REMOVED]}, {keys[n] for n in chosen[REMOVED:]}


def rows_by_key(run: StoredRun, table: str, key: tuple[str, ...]) -> dict[Any, Any]:
    frame = run.table(table)
    columns = [name for name in frame.columns if name not in (*key, *NO_RESULT)]
    return {tuple(row[name] for name in key): [row[name] for name in columns] for row in frame.to_dicts()}


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("core_event_grades", ("subject_id", "event_id")),
        ("core_event_windows", ("subject_id", "event_id", "infusion_number", "window_days")),
        ("core_subject_grades", ("subject_id", "infusion_number", "window_days")),
        ("core_subject_days", ("subject_id", "infusion_number", "day")),
        ("core_subject_courses", ("subject_id", "infusion_number", "estimate")),
        ("core_time_to_event", ("subject_id", "parameter", "estimate")),
    ],
)
def test_every_changed_row_of_the_pilot_trial_has_its_true_cause(
    four_runs: tuple[Home, dict[str, StoredRun], set[Any], set[Any]], table: str, key: tuple[str, ...]
) -> None:
    """The truth is what real runs gave with the other data alone and with the other release alone."""
    home, runs, _, _ = four_runs
    diff = compare_stored_runs(home, PILOT, runs["neither"].run_id, runs["both"].run_id)
    assert diff.components == ("data", "release")
    made = {name: rows_by_key(run, table, key) for name, run in runs.items()}
    expected = {}
    for row in {*made["neither"], *made["both"]}:
        values = {name: rows.get(row) for name, rows in made.items()}
        if values["neither"] != values["both"]:
            alone = [name for name in ("data", "release") if values[name] == values["both"]]
            expected[row] = " | ".join(alone) or "data x release"
    found = {
        tuple(json.loads(row["row_key"])[name] for name in key): row["cause"]
        for row in diff.rows.filter(pl.col("table_name") == table).to_dicts()
    }
    assert found == expected
    assert {"data", "release"} <= set(expected.values()) or table == "core_subject_days"


def test_the_rows_taken_away_and_regraded_are_those_found(
    four_runs: tuple[Home, dict[str, StoredRun], set[Any], set[Any]],
) -> None:
    home, runs, removed, regraded = four_runs
    diff = compare_stored_runs(home, PILOT, runs["neither"].run_id, runs["both"].run_id)
    events = diff.rows.filter(pl.col("table_name") == "core_adverse_events")
    assert set(events["cause"]) == {"data"}
    found = {
        change: {(row["subject_id"], json.loads(row["row_key"])["event_id"]) for row in part.to_dicts()}
        for (change,), part in events.group_by("change")
    }
    assert found == {"removed": removed, "changed": regraded}
    assert not diff.has_only_lost
    (file,) = diff.files.filter(pl.col("change") == "changed").to_dicts()
    assert (file["path"], file["previous_path"]) == ("ae.csv", "ae.xpt")
    assert (file["only_a"], file["only_b"]) == (REMOVED + REGRADED, REGRADED)


def test_the_command_names_no_subject_but_when_asked(
    four_runs: tuple[Home, dict[str, StoredRun], set[Any], set[Any]], tmp_path: Path
) -> None:
    home, runs, _, _ = four_runs
    ids = set(runs["neither"].table("core_subjects")["subject_id"])
    result = regrade(
        home,
        "diff",
        PILOT,
        runs["neither"].run_id[:12],
        runs["both"].run_id[:12],
        "--out",
        str(tmp_path / "out"),
    )
    assert result.exit_code == 1, result.output
    assert "The runs differ in data and release." in result.output
    assert not [name for name in ids if name in result.output]
    for path in sorted((tmp_path / "out").iterdir()):
        is_table = path.suffix == ".parquet"
        text = str(pl.read_parquet(path).to_dicts()) if is_table else path.read_text()
        assert not [name for name in ids if name in text], path.name
    shown = regrade(home, "diff", PILOT, runs["neither"].run_id[:12], runs["both"].run_id[:12], "--show-ids")
    assert shown.exit_code == 1
    assert [name for name in ids if name in shown.output]


def test_what_is_written_is_whole_and_can_be_rendered_again(
    four_runs: tuple[Home, dict[str, StoredRun], set[Any], set[Any]], tmp_path: Path
) -> None:
    home, runs, _, _ = four_runs
    asked = ("diff", PILOT, runs["neither"].run_id, runs["both"].run_id, "--out")
    for name in ("one", "two"):
        assert regrade(home, *asked, str(tmp_path / name)).exit_code == 1
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(
        ["report.html", "report.json", "report.txt"]
        + [f"{table.info().name}.parquet" for table in RUN_DIFF_TABLES]
    )
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    document = read_document(tmp_path / "one" / "report.json")
    assert document.kind == "run_diff"
    assert document.subject_ids == "pseudonyms"
    assert render_html(document) == (tmp_path / "one" / "report.html").read_text()
    rows = {}
    for table in RUN_DIFF_TABLES:
        stored = pl.read_parquet(tmp_path / "one" / f"{table.info().name}.parquet")
        assert table.require(stored).equals(stored)
        rows[table.info().name] = stored
    (chapter,) = document.chapters
    tables = {table.table_id: table for section in chapter.sections for table in section.tables}
    causes = {row[:4]: row[4] for row in tables["causes"].rows}
    counted = rows["diff_run_rows"].group_by("table_name", "change", "cause", "cause_basis").len()
    assert causes == {row[:4]: row[4] for row in counted.iter_rows()}


# -- tiny studies ----------------------------------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path: Path) -> Home:
    """A study that was run once."""
    home = Home(tmp_path / "home").ensure()
    write_tiny_study(home, STUDY)
    run_study(home, STUDY)
    return home


def edit(home: Home, file: str, change: Callable[[str], str]) -> StoredRun:
    """Change a file of the study, run it again and return the new run."""
    path = home.landing / STUDY / file
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before
    result = run_study(home, STUDY)
    run = RunStore(home.runs).find(STUDY, result.run_id)
    assert run is not None
    return run


def without_line(start: str) -> Callable[[str], str]:
    return lambda text: "".join(line for line in text.splitlines(keepends=True) if not line.startswith(start))


def test_a_delivery_that_only_lost_rows_says_exactly_that(tiny: Home) -> None:
    edit(tiny, "ae.csv", without_line(f"{STUDY}-S0001,2"))
    result = regrade(tiny, "diff", STUDY)
    assert result.exit_code == 1
    assert (
        "The second delivery only lost rows: 1 of 4 adverse event rows are gone; none was added, none was "
        "changed." in result.output
    )
    assert "only_difference" in result.output


def test_a_delivery_that_lost_rows_and_changed_one_does_not_say_so(tiny: Home) -> None:
    lose = without_line(f"{STUDY}-S0001,2")
    edit(tiny, "ae.csv", lambda text: lose(text).replace("strange state", "stranger state"))
    result = regrade(tiny, "diff", STUDY)
    assert result.exit_code == 1
    assert "only lost" not in result.output


def test_lost_rows_under_another_setting_are_told_with_both_parts(tiny: Home) -> None:
    (tiny.landing / STUDY / "ae.csv").write_text(
        without_line(f"{STUDY}-S0001,2")((tiny.landing / STUDY / "ae.csv").read_text())
    )
    edit(tiny, "study.yaml", lambda text: text + "ae_table_complete: false\n")
    result = regrade(tiny, "diff", STUDY)
    assert "The runs differ in data and manifest." in result.output
    assert "only lost rows: 1 of 4" in result.output
    assert "ae_table_complete" in result.output


def test_the_same_run_is_identical(tiny: Home) -> None:
    run = RunStore(tiny.runs).current(STUDY)
    assert run is not None
    result = regrade(tiny, "diff", STUDY, run.run_id[:8], run.run_id[:8])
    assert result.exit_code == 0, result.output
    assert "This is one run" in result.output


def test_rows_in_another_order_are_identical(tiny: Home) -> None:
    def turned(text: str) -> str:
        head, *lines = text.splitlines()
        return "\n".join([head, *reversed(lines), ""])

    edit(tiny, "ae.csv", turned)
    result = regrade(tiny, "diff", STUDY, "--json")
    assert result.exit_code == 0, result.output
    document = Document.model_validate(json.loads(result.output))
    said = [sentence.text for sentence in document.chapters[0].sentences]
    assert said == [
        "The runs differ in data.",
        "Every row of every compared table is the same in both runs.",
    ]


def test_the_order_of_the_runs_is_the_callers(tiny: Home) -> None:
    first = RunStore(tiny.runs).current(STUDY)
    assert first is not None
    second = edit(tiny, "ae.csv", without_line(f"{STUDY}-S0001,2"))
    forth = compare_stored_runs(tiny, STUDY, first.run_id[:6], None)
    assert (forth.a.run_id, forth.b.run_id) == (first.run_id, second.run_id)
    back = compare_stored_runs(tiny, STUDY, second.run_id[:6], first.run_id[:6])
    assert not back.has_only_lost
    assert set(back.rows.filter(pl.col("table_name") == "core_event_grades")["change"]) == {"added"}


def test_another_program_is_named_by_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path).ensure()
    write_tiny_study(home, STUDY)

    def earlier(*parts: Any) -> Iterator[dict[str, pl.DataFrame]]:
        tables = grade_study(*parts)
        grades = tables["core_event_grades"]
        yield {**tables, "core_event_grades": grades.with_columns(pl.lit("more").alias("requires"))}

    with monkeypatch.context() as patched:
        patched.setattr(stages, "code_version", lambda: "0.0.9")
        patched.setattr(stages, "code_sha256", lambda: "9" * 64)
        old = run_study(home, STUDY, grader=earlier)
    new = run_study(home, STUDY)
    diff = compare_stored_runs(home, STUDY, old.run_id, new.run_id)
    assert diff.components == ("code",)
    assert set(diff.rows["cause"]) == {"code"}
    result = regrade(home, "diff", STUDY)
    assert result.exit_code == 1
    assert f"The runs differ in the program only: 0.0.9 -> {diff.b.code_version}." in result.output
    # With another grade too, what the program did and what the data did are told apart.
    edit(
        home,
        "ae.csv",
        lambda text: text.replace(
            "Nervous system disorders,3,2017-03,", "Nervous system disorders,4,2017-03,"
        ),
    )
    diff = compare_stored_runs(home, STUDY, old.run_id, None)
    assert diff.components == ("data", "code")
    events = diff.rows.filter(pl.col("table_name") == "core_event_grades")
    causes = {json.loads(row["row_key"])["subject_id"]: row["cause"] for row in events.to_dicts()}
    assert causes == {f"{STUDY}-S0001": "code", f"{STUDY}-S0002": "data x code"}


def test_hostile_words_of_a_study_change_only_their_own_cell(tiny: Home, tmp_path: Path) -> None:
    words = f"<script>alert(1)</script> =HYPERLINK(0) \u202e about {STUDY}-S0001 " + "x" * 10_000
    edit(tiny, "ae.csv", lambda text: text.replace("strange state", words))
    result = regrade(tiny, "diff", STUDY, "--out", str(tmp_path / "out"))
    assert result.exit_code == 1, result.output
    assert f"{STUDY}-S0001" not in result.output
    assert "\u202e" not in result.output
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script>alert(1)" not in page
    assert f"{STUDY}-S0001" not in page
    assert f"{STUDY}-S0001" not in (tmp_path / "out" / "report.json").read_text()


# -- what cannot be compared -----------------------------------------------------------------------------


def refused(home: Home, *arguments: str) -> str:
    """The message of a comparison that could not be made; its code is 2."""
    result = regrade(home, "diff", *arguments)
    assert result.exit_code == 2, result.output
    assert "Next: " in result.output
    assert "Traceback" not in result.output
    return result.output


def test_a_study_without_an_earlier_run(tiny: Home) -> None:
    assert "no run before its current one" in refused(tiny, STUDY)


@pytest.mark.parametrize("name", ["NOBODY", "../TINY", "", "."])
def test_an_unknown_study(tiny: Home, name: str) -> None:
    assert "no run of such a study" in refused(tiny, name)


@pytest.mark.parametrize("prefix", ["0000", "zzzz", "..", "", "*", "ABCD", "0" * 64])
def test_an_unknown_run(tiny: Home, prefix: str) -> None:
    assert "the study has no such run" in refused(tiny, STUDY, prefix)


def test_a_run_of_another_study(tiny: Home) -> None:
    write_tiny_study(tiny, "OTHER")
    other = run_study(tiny, "OTHER").run_id
    assert "the study has no such run" in refused(tiny, STUDY, other)


def test_a_run_folder_that_is_gone(tiny: Home) -> None:
    first = RunStore(tiny.runs).current(STUDY)
    assert first is not None
    edit(tiny, "ae.csv", without_line(f"{STUDY}-S0001,2"))
    shutil.rmtree(first.folder)
    assert "is gone" in refused(tiny, STUDY)


def test_a_damaged_file_is_never_the_same(tiny: Home) -> None:
    first = RunStore(tiny.runs).current(STUDY)
    assert first is not None
    edit(tiny, "ae.csv", without_line(f"{STUDY}-S0001,2"))
    path = first.folder / "core_crs.parquet"
    path.write_bytes(path.read_bytes() + b"\0")
    assert "sha256 differs" in refused(tiny, STUDY)
    assert "sha256 differs" in refused(tiny, STUDY, first.run_id, first.run_id)


def test_a_run_of_other_columns(tiny: Home) -> None:
    store = RunStore(tiny.runs)
    first = store.current(STUDY)
    assert first is not None
    frames = {name: first.table(name) for name in first.tables}
    frames["core_subject_grades"] = frames["core_subject_grades"].drop("requires")
    old = "1" * 64
    files = store.write_stage(STUDY, old, "all", [frames])
    store.seal(STUDY, old, first.identity, {"all": files})
    message = refused(tiny, STUDY, old)
    assert "another version of the program made the run: its table core_subject_grades" in message


def test_a_run_of_another_layout(tiny: Home) -> None:
    store = RunStore(tiny.runs)
    first = store.current(STUDY)
    assert first is not None
    old = "2" * 64
    files = store.write_stage(STUDY, old, "all", [{name: first.table(name) for name in first.tables}])
    store.seal(STUDY, old, {**first.identity, "parameters": {"run_format": 0}}, {"all": files})
    assert "the run has the layout 0" in refused(tiny, STUDY, old)
