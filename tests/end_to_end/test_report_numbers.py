"""Every number of the scale-diff report is what the query beside it gives, and what the tables say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import duckdb
import polars as pl
import pytest
from scipy.stats import beta  # type: ignore[import-untyped]

from pipelines.attribution_reruns import count_by_policy, find_touched, grade_again
from pipelines.home import Home
from pipelines.mapping_comparisons import manifest_of
from pipelines.report.build import ANOTHER_RUN
from pipelines.report.catalogue import table_specs
from pipelines.report.catalogue_columns import LIMITS
from pipelines.report.document import Chapter, Document
from pipelines.study_reports import make_study_report
from schemas.errors import StoreError
from schemas.registry import CHECKED_TABLES
from tests.end_to_end.added_terms import NEW, STUDY
from tests.end_to_end.homes import Tables, ask, regrade, write_study
from tests.end_to_end.report_tables import every_table, record, records, tables_of
from warehouse.reader import open_run
from warehouse.run_store import RunStore
from warehouse.selection import release_of

STUDIES = ("CART-DEMO", "CDISCPILOT01")


@pytest.fixture(scope="module")
def shown(shipped_home: Home) -> Document:
    return make_study_report(shipped_home, show_ids=True)


# The query beside each table


def test_every_row_is_what_its_query_gives(shipped_home: Home, shown: Document) -> None:
    asked = 0
    with duckdb.connect(str(shipped_home.database), read_only=True) as connection:
        for chapter, table in every_table(shown):
            if table.query is None:
                continue
            found = connection.execute(table.query).fetchall()
            names = [column[0] for column in connection.description or ()]
            by_query = [place for place, column in enumerate(table.columns) if column.name in names]
            assert [table.columns[place].name for place in by_query] == names
            assert [tuple(row[place] for place in by_query) for row in table.rows] == found, (
                chapter.chapter_id,
                table.table_id,
            )
            asked += len(found)
    assert asked > 1000


def test_every_table_is_in_every_chapter_and_only_one_has_no_query(shown: Document) -> None:
    wanted = [spec.table_id for spec in table_specs()]
    for chapter in shown.chapters:
        assert list(tables_of(chapter)) == wanted
    assert {table.table_id for _, table in every_table(shown) if table.query is None} == {
        "sensitivity_attribution"
    }
    assert [chapter.chapter_id for chapter in shown.chapters] == [*STUDIES, "pooled"]


def test_limits_are_the_quantiles_of_beta(shown: Document) -> None:
    checked = 0
    for chapter in shown.chapters:
        for row in records(tables_of(chapter)["forest"]):
            count, total = row["subjects"], row["denominator"]
            assert isinstance(count, int)
            assert isinstance(total, int)
            low = 0.0 if count == 0 else 100 * beta.ppf(0.025, count, total - count + 1)
            high = 100.0 if count == total else 100 * beta.ppf(0.975, count + 1, total - count)
            assert [row[name] for name in LIMITS] == pytest.approx([low, high], abs=0.051)
            checked += 1
    assert checked > 50


def test_the_same_tables_give_the_same_document(shipped_home: Home, shown: Document) -> None:
    assert make_study_report(shipped_home, show_ids=True) == shown


def test_a_report_of_the_run_folder_says_what_the_published_file_says(
    shipped_home: Home, shown: Document
) -> None:
    run = Tables(shipped_home, "CART-DEMO").run
    of_run = make_study_report(shipped_home, run_id=run.run_id[:12], show_ids=True)
    assert [chapter.chapter_id for chapter in of_run.chapters] == ["CART-DEMO"]
    published = tables_of(shown.chapters[0])
    assert tables_of(of_run.chapters[0]) == published
    assert of_run.chapters[0].sentences == shown.chapters[0].sentences


def test_a_report_of_a_run_beside_the_current_one_says_so(two_releases: Home) -> None:
    store = RunStore(two_releases.runs)
    current = store.current(STUDY)
    assert current is not None
    (beside,) = store.beside(current)
    report = make_study_report(two_releases, [STUDY], run_id=beside.run_id, show_ids=True)
    (chapter,) = report.chapters
    assert {fact.label: fact.value for fact in chapter.facts}["Mapping release"].startswith(NEW)
    assert all(ANOTHER_RUN in table.notes for _, table in every_table(report) if table.query)
    published = make_study_report(two_releases, [STUDY], show_ids=True)
    assert not any(ANOTHER_RUN in table.notes for _, table in every_table(published))
    assert published.chapters[0].facts != chapter.facts


def test_a_query_over_a_run_reads_nothing_else(shipped_home: Home) -> None:
    with open_run(Tables(shipped_home, "CART-DEMO").run) as connection:
        other = RunStore(shipped_home.runs).current("CDISCPILOT01")
        assert other is not None
        for query in (
            f"SELECT * FROM read_parquet('{other.folder}/core_subjects.parquet')",
            "SET enable_external_access = true",
            "COPY core_runs TO 'elsewhere.csv'",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(query)
        counted = connection.execute("SELECT count(DISTINCT study_id) FROM core_subjects").fetchall()
    assert counted == [(1,)]


# The same numbers, counted another way


@pytest.mark.parametrize("study", STUDIES)
def test_the_headline_counted_from_the_tables_of_the_run(
    shipped_home: Home, shown: Document, study: str
) -> None:
    tables = Tables(shipped_home, study)
    subjects = (
        tables["core_subject_grades"]
        .filter((pl.col("infusion_number") == 0) & (pl.col("window_days") == 30))
        .join(tables["core_subjects"].filter("is_infused").select("subject_id"), on="subject_id", how="semi")
    )
    chapter = next(chapter for chapter in shown.chapters if chapter.chapter_id == study)
    headline = tables_of(chapter)["headline"]
    for end in ("low", "point", "high"):
        row = record(headline, measure=f"ICANS {end}")
        known = subjects.filter(pl.col("outcome") != "NOT_EVALUABLE")
        assert row["any_subjects"] == len([grade for grade in known[end] if grade and grade >= 1])
        assert row["grade_3_subjects"] == len([grade for grade in known[end] if grade and grade >= 3])
        assert row["denominator"] == subjects.height
    counted = (
        tables["core_event_windows"]
        .filter(
            (pl.col("window_days") == 30)
            & pl.col("window_status").is_in(["inside", "partly", "no_infusion_date"])
        )
        .select("subject_id", "event_id")
        .unique()
    )
    events = tables["core_event_grades"].filter("is_broad" if study else "is_core")
    highest: dict[str, int] = {}
    for subject, grade in (
        events.join(counted, on=["subject_id", "event_id"]).select("subject_id", "source_grade").iter_rows()
    ):
        highest[subject] = max(highest.get(subject, 0), grade or 0)
    infused = set(subjects["subject_id"])
    row = record(headline, measure="Reported grade, broad set")
    assert row["any_subjects"] == sum(grade >= 1 for name, grade in highest.items() if name in infused)
    assert row["grade_3_subjects"] == sum(grade >= 3 for name, grade in highest.items() if name in infused)


def test_pooled_counts_are_the_sums_of_the_studies(shown: Document) -> None:
    first, second, pooled = (tables_of(chapter) for chapter in shown.chapters)
    for name in ("headline", "sensitivity"):
        for row in records(pooled[name]):
            key = {column: row[column] for column in ("measure", "window_days") if column in row}
            parts = [
                found
                for each in (first, second)
                for found in records(each[name])
                if key.items() <= found.items()
            ]
            for count in ("any_subjects", "grade_3_subjects", "unknown_subjects", "denominator"):
                assert row[count] == sum(int(str(part[count])) for part in parts), (name, key, count)
    for name in ("shift_subjects", "shift_events"):
        total = record(pooled[name], source_grade="total")["total"]
        assert total == sum(
            int(str(record(each[name], source_grade="total")["total"])) for each in (first, second)
        )


def test_parts_add_up_to_their_totals(shown: Document) -> None:
    for chapter, table in every_table(shown):
        counts = [column.name for column in table.columns if column.kind == "count"]
        if "total" not in counts:
            continue
        for row in records(table):
            parts = [int(str(row[name])) for name in counts if name != "total"]
            assert sum(parts) == row["total"], (chapter.chapter_id, table.table_id, row)


def require_one_denominator(chapter: Chapter) -> None:
    """Every table that counts subjects of the primary window counts the same ones."""
    tables = tables_of(chapter)
    wanted = record(tables["headline"], measure="ICANS point")["denominator"]
    assert wanted
    assert {row["total"] for row in records(tables["changes"]) if row["comparator_set"] == "broad"} == {
        wanted
    }
    assert {row["denominator"] for row in records(tables["outcomes"])} == {wanted}
    assert record(tables["shift_subjects"], source_grade="total")["total"] == wanted
    assert sum(int(str(row["subjects"])) for row in records(tables["flow"])) == wanted
    assert {row["denominator"] for row in records(tables["forest"]) if row["grouping"] == "all"} == {wanted}
    assert {row["denominator"] for row in records(tables["sensitivity_attribution"])} == {wanted}


def test_all_tables_count_the_same_subjects(shown: Document) -> None:
    for chapter in shown.chapters:
        require_one_denominator(chapter)


def test_without_a_subject_table_those_with_an_event_are_counted(tmp_path: Path) -> None:
    files = {
        "study.yaml": (
            "study: NO-DM\n"
            "files:\n"
            "  - {path: ae.csv, role: adverse_events}\n"
            "  - {path: ex.csv, role: infusions}\n"
            'grading: {scale: ctcae, version: "4.03"}\n'
            "infusions: {source: table}\n"
        ),
        "ae.csv": (
            "USUBJID,AESEQ,AEDECOD,AEBODSYS,AETOXGR,AESTDTC,AEENDTC\n"
            "S1,1,Confusion,Psychiatric disorders,3,2017-03-05,2017-03-07\n"
            "S2,1,Nausea,Gastrointestinal disorders,1,2017-03-05,2017-03-07\n"
            "S3,1,Confusion,Psychiatric disorders,0,2017-03-05,2017-03-07\n"
        ),
        "ex.csv": "USUBJID,EXTRT,EXSTDTC\nS1,CELLS,2017-03-01\nS2,CELLS,2017-03-01\nS4,CELLS,2017-03-01\n",
    }
    home = Home(tmp_path)
    write_study(home, "NO-DM", files)
    assert regrade(home, "run").exit_code == 0
    (chapter,) = make_study_report(home, show_ids=True).chapters
    require_one_denominator(chapter)
    row = record(tables_of(chapter)["headline"], measure="ICANS point")
    assert (row["any_subjects"], row["denominator"]) == (1, 2)
    shift = ask(home, "SELECT sum(subjects) AS n FROM out_grade_shift WHERE comparator_set = 'broad'")
    assert shift.item() == 2


@pytest.mark.parametrize("study", STUDIES)
def test_the_course_is_the_summary_that_the_kernel_made(
    shipped_home: Home, shown: Document, study: str
) -> None:
    chapter = next(chapter for chapter in shown.chapters if chapter.chapter_id == study)
    found = {
        (row["measure"], row["estimate"], row["imputed_dates"]): (
            row["subjects"],
            row["median"],
            row["minimum"],
            row["maximum"],
        )
        for row in records(tables_of(chapter)["sensitivity_dates"])
    }
    summary = Tables(shipped_home, study)["core_course_summary"]
    wanted = {
        (row["measure"], row["estimate"], row["imputed_dates"]): (
            row["subjects"],
            row["median"],
            row["minimum"],
            row["maximum"],
        )
        for row in summary.to_dicts()
    }
    assert found == wanted


def test_every_changed_subject_is_listed_and_no_other(shipped_home: Home, shown: Document) -> None:
    diff = Tables(shipped_home, "CART-DEMO")["diff_scale_subjects"].filter(
        (pl.col("comparator_set") == "broad") & pl.col("is_primary_window") & pl.col("is_infused")
    )
    wanted = {
        row["subject_id"]: row["change_point"]
        for row in diff.to_dicts()
        if row["change_point"] in ("up", "down", "to_zero", "to_indeterminate")
        and row["outcome"] != "NOT_EVALUABLE"
    }
    listed = records(tables_of(shown.chapters[0])["changed_subjects"])
    assert {row["subject_id"]: row["change_point"] for row in listed} == wanted
    assert len(listed) == len(wanted) > 50
    assert all(row["source_terms"] for row in listed if row["source_grade"])
    point = record(tables_of(shown.chapters[0])["changes"], comparator_set="broad", estimate="point")
    assert Counter(wanted.values()) == {
        "up": point["up"],
        "down": point["down"],
        "to_zero": point["to_zero"],
        "to_indeterminate": point["indeterminate"],
    }


def test_runs_of_days_are_the_days_of_the_subject(shipped_home: Home, shown: Document) -> None:
    days = Tables(shipped_home, "CART-DEMO")["core_subject_days"].filter(pl.col("high") > 0)
    wanted = {
        (row["subject_id"], row["infusion_number"], row["day"]): (row["low"], row["point"], row["high"])
        for row in days.to_dicts()
    }
    found = {}
    for row in records(tables_of(shown.chapters[0])["swimmer"]):
        for day in range(int(str(row["first_day"])), int(str(row["last_day"])) + 1):
            found[row["subject_id"], row["infusion_number"], day] = (row["low"], row["point"], row["high"])
    assert found == wanted


def test_sentences_say_cells_of_the_tables(shown: Document) -> None:
    for chapter in shown.chapters:
        assert len(chapter.sentences) == 3
        row = record(tables_of(chapter)["headline"], measure="ICANS point")
        said = f"{row['any_percent']:.1f}% ({row['any_subjects']}/{row['denominator']})"
        assert said in chapter.sentences[0].text
        for sentence in chapter.sentences:
            assert sentence.conventions


# Causality


@pytest.mark.parametrize("study", STUDIES)
def test_grading_a_part_again_is_grading_all_again(shipped_home: Home, study: str) -> None:
    run = Tables(shipped_home, study).run
    checked = {declared.info().name: run.table(declared.info().name) for declared in CHECKED_TABLES}
    touched = find_touched(checked["core_adverse_events"], run.table("core_event_grades"))
    assert 0 < touched.height < checked["core_subjects"].height
    infused = set(checked["core_subjects"].filter("is_infused")["subject_id"])
    for policy, is_used, *counts in count_by_policy(run):
        frame = grade_again(checked, release_of(run), manifest_of(run), str(policy))
        whole = [
            row
            for row in frame.to_dicts()
            if row["comparator_set"] == "broad" and row["is_primary_window"] and row["subject_id"] in infused
        ]
        known = [row for row in whole if row["outcome"] != "NOT_EVALUABLE"]
        expected = [
            sum((row[end] or 0) >= limit for row in known)
            for end in ("low", "point", "high")
            for limit in (1, 3)
        ]
        unknown = len(whole) - sum(row["point"] is not None for row in known)
        assert counts == [*expected, unknown, len(whole)], policy
        assert is_used == (policy == "widen")


# What is not there


def test_a_study_or_run_that_is_not_there_is_named(shipped_home: Home) -> None:
    with pytest.raises(StoreError, match="NOBODY"):
        make_study_report(shipped_home, ["CART-DEMO", "NOBODY"])
    with pytest.raises(StoreError, match="no run has this id"):
        make_study_report(shipped_home, run_id="0123456789")
    with pytest.raises(StoreError, match="no warehouse file"):
        make_study_report(Home(shipped_home.root / "nowhere"))
