"""The five laws of GRADING.md section 1, on made-up studies.

Laws 1 and 2 take detail away from listed events (grade, version, term, date, end) and look whether
every interval contains the one before. Evidence about cause may lower `low`, so those studies hold no
other cause and no sedation; a grade that the version does not define is a contradiction, not detail.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.loader import load_release
from mappings.release import Release
from mappings.term_key import term_key
from pipelines.grading.intervals import combine_union
from pipelines.grading.kernel import grade_study
from schemas.digest import canonical_digest
from schemas.manifest import Context
from schemas.registry import TABLES
from tests import oracle, studies
from tests.choices import Seeded
from tests.oracle.interval import Interval, Union, union
from tests.oracle.release_index import ReleaseIndex
from tests.small_release import small_release
from tests.strategies import Made, Terms, large_study
from tests.studies import Row, Rows, release_rows, to_frames

LONG = bool(os.environ.get("REGRADE_LONG"))
RELEASES = {"shipped": load_release(), "small": small_release()}
SEEDS = range(100 if LONG else 3)
SUBJECT_LOCAL = (
    "core_event_grades",
    "core_event_windows",
    "core_assessment_grades",
    "core_assessment_windows",
    "core_contradictions",
    "core_subject_grades",
    "core_subject_days",
    "core_episodes",
)
every_release = pytest.mark.parametrize("release", RELEASES.values(), ids=list(RELEASES))
every_seed = pytest.mark.parametrize("seed", SEEDS)


def graded(made: Made, release: Release) -> dict[str, pl.DataFrame]:
    return grade_study(to_frames(made.rows), release, made.manifest)


# --- laws 1 and 2: what is taken away only widens ----------------------------------------------


def consistent_study(release: Release, seed: int) -> Made:
    """Events with a defined grade, a known day of onset and end, and nothing that points elsewhere."""
    made = large_study(without_causes(release), seed, subjects=60)
    choose = Seeded(seed)
    alive = {s["subject_id"]: s["vital_status"] == "alive" for s in made.rows["core_subjects"]}
    for row in made.rows["core_adverse_events"]:
        start = choose.pick(range(-3, 62))
        given_again = studies.event(None, None, start, start + choose.pick([0, 0, 1, 4]))
        row |= {name: value for name, value in given_again.items() if name.startswith(("start_", "end_"))}
        if row["grade"] == 5 and alive[row["subject_id"]]:
            row["grade"] = 4
        if row["grade"] == 0:
            # Grade 0 says that there was no event; it is not a detail of one.
            row["grade"] = 1
        row |= {"is_fatal": choose.pick([None, row["grade"] == 5]), "is_ongoing": None}
    # What is measured, and what bears on a cause, is in `test_laws_of_assessments`.
    made.rows.update({"core_sedation": [], "core_assessments": [], "core_medical_history": []})
    for subject in made.rows["core_subjects"]:
        subject |= {"death_earliest": None, "death_latest": None}
    manifest = made.manifest.model_copy(update={"data_cutoff": None, "context": Context()})
    reasons = {
        (e["subject_id"], e["event_id"]): e["review_reasons"] or ""
        for e in oracle.grade(made.rows, release_rows(release), manifest)["core_event_grades"]
    }
    for row in made.rows["core_adverse_events"]:
        if "undefined_grade" in reasons[row["subject_id"], row["event_id"]]:
            row |= {"grade": None, "grade_status": "missing", "is_fatal": None}
    return Made(made.rows, manifest)


def without_causes(release: Release) -> Terms:
    index, terms = ReleaseIndex(release_rows(release)), Terms.of(release)
    causes = {"haemorrhage", "stroke", "cns_infection", "cns_progression"}

    def is_no_cause(named: tuple[str, str]) -> bool:
        term, code = named
        entries = (*index.terms_by_key[term_key(term)], *index.terms_by_code[code])
        return not causes & {index.cause_role(row["concept_id"]) for row in entries}

    return replace(
        terms,
        named=tuple(filter(is_no_cause, terms.named)),
        informing=tuple(filter(is_no_cause, terms.informing)),
    )


def take_away(made: Made, seed: int) -> Made:
    """The same study with less detail about some of its events."""
    choose = Seeded(seed)
    rows = dict(made.rows)
    rows["core_adverse_events"] = [
        choose.pick(MASKS)(row, choose) if choose.pick([True, False]) else row
        for row in made.rows["core_adverse_events"]
    ]
    return Made(rows, made.manifest)


def without_grade(row: Row, choose: Seeded) -> Row:
    return row | {"grade": None, "grade_status": "missing"}


def without_version(row: Row, choose: Seeded) -> Row:
    return row | {"scale_version": None}


def without_term(row: Row, choose: Seeded) -> Row:
    blank = dict.fromkeys(
        ("llt_code", "pt_code", "preferred_term", "lowest_level_term", "verbatim_term", "body_system")
    )
    return row | blank


def without_day(row: Row, choose: Seeded) -> Row:
    """The month, the year or nothing of the onset is known."""
    return row | _blurred(row, "start", choose)


def without_end(row: Row, choose: Seeded) -> Row:
    return row | _blurred(row, "end", choose)


def _blurred(row: Row, edge: str, choose: Seeded) -> Row:
    earliest, latest = row[f"{edge}_earliest"], row[f"{edge}_latest"]
    kind = choose.pick(["month", "year", "none"])
    if kind == "none" or earliest is None:
        earliest = latest = None
    else:
        first_month = 1 if kind == "year" else earliest.month
        last_month = 12 if kind == "year" else latest.month
        following = latest.replace(day=1, month=last_month) + timedelta(days=31)
        month_end = following.replace(day=1) - timedelta(days=1)
        earliest = earliest.replace(day=1, month=first_month)
        latest = month_end
    return {f"{edge}_earliest": earliest, f"{edge}_latest": latest, f"{edge}_precision": "partial"}


MASKS: list[Callable[[Row, Seeded], Row]] = [
    without_grade,
    without_version,
    without_term,
    without_day,
    without_end,
]
LEVELS = {
    "core_event_grades": ("subject_id", "event_id"),
    "core_subject_grades": ("subject_id", "infusion_number", "window_days"),
    "core_subject_days": ("subject_id", "infusion_number", "day"),
}


def narrower(table: str, more: pl.DataFrame, less: pl.DataFrame) -> list[str]:
    """Rows of `less` evidence that do not contain the interval of `more` evidence."""
    key = LEVELS[table]
    wide = {tuple(row[k] for k in key): row for row in less.to_dicts()}
    found = []
    for row in more.to_dicts():
        outer = wide.get(tuple(row[k] for k in key))
        inner = f"{row['low']}/{row['point']}/{row['high']}"
        if outer is None:
            found.append(f"{table} {[row[k] for k in key]}: {inner} has no counterpart")
        elif not (outer["low"] <= row["low"] and row["high"] <= outer["high"]):
            found.append(
                f"{table} {[row[k] for k in key]}: {inner} not inside "
                f"{outer['low']}/{outer['point']}/{outer['high']}"
            )
    return found


@every_release
@every_seed
def test_laws_1_and_2_taking_detail_away_never_narrows(release: Release, seed: int) -> None:
    """Sound: the complete interval, and so its point, lies inside. Refinement: so does each step."""
    complete = consistent_study(release, seed)
    masked = take_away(complete, seed + 1)
    masked_again = take_away(masked, seed + 2)
    results = [graded(made, release) for made in (complete, masked, masked_again)]
    for table in LEVELS:
        assert narrower(table, results[0][table], results[1][table]) == []
        assert narrower(table, results[1][table], results[2][table]) == []


# --- law 3: union ------------------------------------------------------------------------------


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    low = draw(st.integers(0, 5))
    high = draw(st.integers(low, 5))
    return Interval(low, draw(st.none() | st.integers(low, high)), high)


def test_law_3_on_the_example_of_the_contract() -> None:
    parts = [Interval(0, None, 3), Interval(0, 2, 4), Interval(3, 3, 3)]
    assert union(parts) == Interval(3, 3, 4)


@given(st.lists(intervals(), min_size=1, max_size=6), st.integers(0, 6), st.randoms(use_true_random=False))
def test_law_3_union_is_split_free_and_the_kernels_union(
    parts: list[Interval], cut: int, random: Random
) -> None:
    shuffled = random.sample(parts, len(parts))
    left, right = Union(), Union()
    for part in shuffled[:cut]:
        left = left.add(part)
    for part in shuffled[cut:]:
        right = right.add(part)
    whole = union(parts)
    assert left.merge(right).result() == right.merge(left).result() == whole
    frame = pl.DataFrame(
        [{"group": 1, **part.as_columns()} for part in shuffled],
        schema={"group": pl.Int8, "low": pl.Int8, "point": pl.Int8, "high": pl.Int8},
    )
    assert combine_union(frame, ["group"]).drop("group").row(0) == (whole.low, whole.point, whole.high)


@every_release
@every_seed
def test_law_3_evidence_graded_in_parts_gives_the_whole(release: Release, seed: int) -> None:
    """Any split of the event rows of a study without other causes: the parts unite to the whole."""
    made = consistent_study(release, seed)
    manifest = made.manifest.model_copy(update={"ae_table_complete": True})
    made.rows["core_rejected_rows"] = []
    choose = Seeded(seed)
    halves: list[Rows] = [made.rows | {"core_adverse_events": []} for _ in range(2)]
    for row in made.rows["core_adverse_events"]:
        choose.pick(halves)["core_adverse_events"].append(row)
    parts: dict[tuple[object, ...], Union] = {}
    for half in halves:
        for row in graded(Made(half, manifest), release)["core_event_windows"].to_dicts():
            for number in {0, row["infusion_number"]}:
                if row["window_status"] != "late":
                    key = (row["subject_id"], number, row["window_days"])
                    part = Interval(row["low"], row["point"], row["high"])
                    parts[key] = parts.get(key, Union()).add(part)
    for row in graded(Made(made.rows, manifest), release)["core_subject_grades"].to_dicts():
        key = (row["subject_id"], row["infusion_number"], row["window_days"])
        assert parts.get(key, Union()).result() == Interval(row["low"], row["point"], row["high"])


# --- law 4: no order, no shards ----------------------------------------------------------------


def digests(tables: dict[str, pl.DataFrame]) -> dict[str, str]:
    return {name: canonical_digest(frame) for name, frame in tables.items()}


@every_release
@every_seed
def test_law_4_row_order_changes_no_byte(release: Release, seed: int) -> None:
    made = large_study(Terms.of(release), seed, subjects=40)
    checked = to_frames(made.rows)
    shuffled = {name: frame.sample(fraction=1, shuffle=True, seed=seed) for name, frame in checked.items()}
    mixed = replace(
        release,
        tables={n: f.sample(fraction=1, shuffle=True, seed=seed) for n, f in release.tables.items()},
    )
    assert digests(grade_study(shuffled, mixed, made.manifest)) == digests(
        grade_study(checked, release, made.manifest)
    )


@every_release
@every_seed
def test_law_4_shards_by_subject_change_no_byte(release: Release, seed: int) -> None:
    made = large_study(Terms.of(release), seed, subjects=40)
    checked = to_frames(made.rows)
    whole = grade_study(checked, release, made.manifest)
    shards: list[dict[str, pl.DataFrame]] = []
    for shard in range(3):
        numbers = [s["subject_id"] for s in made.rows["core_subjects"] if int(s["subject_id"]) % 3 == shard]
        part = {
            name: frame.filter(pl.col("subject_id").is_in(numbers))
            if "subject_id" in frame.columns
            else frame
            for name, frame in checked.items()
        }
        shards.append(grade_study(part, release, made.manifest))
    for name in SUBJECT_LOCAL:
        together = TABLES[name].canonicalise(pl.concat(shard[name] for shard in shards))
        assert canonical_digest(together) == canonical_digest(whole[name]), name


# --- law 5: missing is not negative, rejected is not absent ------------------------------------


def add_to_every_subject(made: Made, table: str, make: Callable[[str, int], Row]) -> Made:
    more = [make(s["subject_id"], n) for n, s in enumerate(made.rows["core_subjects"], start=1)]
    return Made(made.rows | {table: [*made.rows[table], *more]}, made.manifest)


def added_row(term: str | None, grade: int | None) -> Callable[[str, int], Row]:
    def make(subject: str, number: int) -> Row:
        return studies.event(term, grade, None, None, subject=subject, number=9000 + number, scale="none")

    return make


def unreadable_assessment(subject: str, number: int) -> Row:
    return studies.assessment(
        "arousal", None, None, subject=subject, number=90_000 + number, value_status="unreadable"
    )


ADDITIONS: dict[str, Callable[[Made], Made]] = {
    "a row that says nothing": lambda made: add_to_every_subject(
        made, "core_adverse_events", added_row(None, None)
    ),
    "an unmapped term": lambda made: add_to_every_subject(
        made, "core_adverse_events", added_row("Zorbl syndrome", 3)
    ),
    "a missing grade": lambda made: add_to_every_subject(
        made, "core_adverse_events", added_row("Encephalopathy", None)
    ),
    "a rejected row": lambda made: add_to_every_subject(
        made,
        "core_rejected_rows",
        lambda subject, n: studies.rejected(None, subject=subject, number=9000 + n),
    ),
    "an assessment of which nothing can be read": lambda made: add_to_every_subject(
        made, "core_assessments", unreadable_assessment
    ),
    "a table known to be incomplete": lambda made: Made(
        made.rows, made.manifest.model_copy(update={"ae_table_complete": False})
    ),
}


@every_release
@pytest.mark.parametrize("addition", ADDITIONS)
def test_law_5_what_is_not_known_can_only_raise_high(release: Release, addition: str) -> None:
    made = large_study(Terms.of(release), 11, subjects=60)
    key = ["subject_id", "infusion_number", "window_days"]
    before = graded(made, release)["core_subject_grades"]
    after = graded(ADDITIONS[addition](made), release)["core_subject_grades"]
    pairs = before.join(after, on=key, how="inner", suffix="_after").filter(
        pl.col("outcome") != "NOT_EVALUABLE"
    )
    assert pairs.height > 60
    assert pairs.filter(pl.col("low") != pl.col("low_after")).is_empty()
    assert pairs.filter(pl.col("high") > pl.col("high_after")).is_empty()
    assert pairs.filter(pl.col("outcome_after") == "NOT_ICANS").is_empty()


@every_release
def test_law_5_the_ae_convention_is_the_only_silence_that_counts(release: Release) -> None:
    """Without any row of a complete table a subject is NOT_ICANS; without the convention nobody is."""
    silent = Made(studies.study([]), studies.manifest())
    assert graded(silent, release)["core_subject_grades"]["outcome"].unique().to_list() == ["NOT_ICANS"]
    open_table = Made(studies.study([]), studies.manifest(ae_table_complete=False))
    assert graded(open_table, release)["core_subject_grades"]["outcome"].unique().to_list() == [
        "INDETERMINATE"
    ]
