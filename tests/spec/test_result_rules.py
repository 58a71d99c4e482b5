"""Rules of the grading contract, sections 5 and 6.1: subjects, days, episodes, comparators, changes.

One small table each: left of `=>` what the study records, right of it what must come out. The release
is the shipped one unless a rule needs a shape it does not have: then it is that of
`tests.small_release`. Numbers in brackets are sections of the contract.
"""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from tests import studies
from tests.spec.table import assert_events, assert_result, assert_rows, assert_subjects, grade, read_table

# --- 5 levels of result ------------------------------------------------------------------------


def test_a_subject_is_the_maximum_of_each_component() -> None:
    """[5] The point is null only if a row without a point could exceed the others; drivers are named."""
    assert_subjects(
        """
        | subject | term           | grade | => |
        |---------|----------------|-------|----|
        | 01      | Encephalopathy | 2     | => |
        | 01      | Seizure        | 2     | => |
        | 02      | Neurotoxicity  | 2     | => |
        | 02      | Encephalopathy | 3     | => |
        | 03      | Tremor         | 3     | => |
        """,
        """
        | => | subject_id | infusion_number | low | point | high | outcome       | low_domains | high_rules |
        |----|------------|-----------------|-----|-------|------|---------------|-------------|------------|
        | => | 01 | 0 | 3 | 3 | 3 | ICANS     | seizure                 | ctcae:4.03:encephalopathy:2,ctcae:4.03:seizure:2 |
        | => | 01 | 1 | 3 | 3 | 3 | ICANS     | seizure                 | ctcae:4.03:encephalopathy:2,ctcae:4.03:seizure:2 |
        | => | 02 | 0 | 1 |   | 4 | ICANS     | cognition,consciousness | ctcae:4.03:encephalopathy:3,ctcae:any:neurotoxicity_unspecified:2 |
        | => | 02 | 1 | 1 |   | 4 | ICANS     | cognition,consciousness | ctcae:4.03:encephalopathy:3,ctcae:any:neurotoxicity_unspecified:2 |
        | => | 03 | 0 | 0 | 0 | 0 | NOT_ICANS |                         |            |
        | => | 03 | 1 | 0 | 0 | 0 | NOT_ICANS |                         |            |
        """,  # noqa: E501
    )


def test_a_row_of_grade_0_is_no_event() -> None:
    """[5] A finding, no contribution, whatever the term."""
    assert_events(
        """
        | term           | grade | => | low | point | high | disposition | source_grade |
        |----------------|-------|----|-----|-------|------|-------------|--------------|
        | Encephalopathy | 0     | => | 0   | 0     | 0    | no_event    | 0            |
        | Zorbl          | 0     | => | 0   | 0     | 0    | no_event    | 0            |
        """
    )


def test_a_rejected_row_is_not_absent() -> None:
    """[5] No NOT_ICANS unless the row's term can be read and could never count, or it repeats a row."""
    rejects = [
        studies.rejected(None, subject="01", number=1),
        studies.rejected("Encephalopathy", subject="02", number=2),
        studies.rejected("Tremor", subject="03", number=3),
        studies.rejected("Zorbl", subject="04", number=4, body_system="Gastrointestinal disorders"),
        studies.rejected(None, subject=None, number=5),
        studies.rejected(None, subject="05", number=6, table_name="sedation"),
        studies.rejected(None, subject="06", number=7, rule_id="CHK-DUPLICATE-ROW"),
    ]
    frames = grade([], rejects=rejects)
    rows = frames["core_subject_grades"].filter(
        (pl.col("infusion_number") == 0) & pl.col("is_primary_window")
    )
    assert_result(
        "subjects",
        "subject_id",
        {"subjects": rows},
        """
        | => | subject_id | low | point | high | outcome       | rejected_rows |
        |----|------------|-----|-------|------|---------------|---------------|
        | => | 01         | 0   |       | 5    | INDETERMINATE | 1             |
        | => | 02         | 0   |       | 5    | INDETERMINATE | 1             |
        | => | 03         | 0   | 0     | 0    | NOT_ICANS     | 1             |
        | => | 04         | 0   | 0     | 0    | NOT_ICANS     | 1             |
        | => | 05         | 0   | 0     | 0    | NOT_ICANS     | 0             |
        | => | 06         | 0   | 0     | 0    | NOT_ICANS     | 0             |
        """,
    )


def test_an_incomplete_table_withdraws_the_ae_convention() -> None:
    """[1, law 5] Nobody is NOT_ICANS; somebody known to be alive did not die of it."""
    frames = grade(
        [{"term": "Tremor", "grade": "1"}], ae_table_complete=False, subject={"vital_status": "alive"}
    )
    assert frames["core_subject_grades"].select("low", "point", "high", "outcome").unique().rows() == [
        (0, None, 4, "INDETERMINATE")
    ]


def test_days_of_a_row() -> None:
    """[5] A row of one day gives it the interval; a longer one gives each day [0, point, high]."""
    frames = grade(
        read_table(
            """
            | term           | grade | start | end     | => |
            |----------------|-------|-------|---------|----|
            | Encephalopathy | 3     | 3     | 3       | => |
            | Encephalopathy | 3     | 3     | 4       | => |
            | Encephalopathy | 3     | 28    | unknown | => |
            """
        )[0],
        windows={"primary_days": 30, "sensitivity_days": []},
    )
    assert_result(
        "core_subject_days",
        "subject_id",
        {"core_subject_days": frames["core_subject_days"].sort("day")},
        """
        | => | subject_id | day | low | point | high |
        |----|------------|-----|-----|-------|------|
        | => | 01         | 3   | 1   | 3     | 4    |
        | => | 02         | 3   | 0   | 3     | 4    |
        | => | 02         | 4   | 0   | 3     | 4    |
        | => | 03         | 28  | 0   | 3     | 4    |
        | => | 03         | 29  | 0   |       | 4    |
        | => | 03         | 30  | 0   |       | 4    |
        """,
    )


EPISODES = """
    | subject | term           | grade | start | end | ongoing | => |
    |---------|----------------|-------|-------|-----|---------|----|
    | 01      | Encephalopathy | 2     | 3     | 4   |         | => |
    | 01      | Encephalopathy | 3     | 12    | 12  |         | => |
    | 01      | Encephalopathy | 2     | 21    | 22  |         | => |
"""


def test_days_are_merged_to_episodes_over_short_gaps() -> None:
    """[5] Seven days without a point are bridged, eight are not; recurrences are numbered."""
    assert_result(
        "core_episodes",
        "episode_number",
        grade(read_table(EPISODES)[0]),
        """
        | => | episode_number | onset_day | peak_day | last_day | duration_days | peak_point | peak_high |
        |----|----------------|-----------|----------|----------|---------------|------------|-----------|
        | => | 1              | 3         | 12       | 12       | 10            | 3          | 4         |
        | => | 2              | 21        | 21       | 22       | 2             | 2          | 3         |
        """,
    )


def test_a_day_without_a_point_bridges_but_does_not_begin_or_end_an_episode() -> None:
    """[5] Generic neurotoxicity has no point; its days between two others leave no gap."""
    frames = grade(
        read_table(
            """
            | subject | term           | grade | start | end | => |
            |---------|----------------|-------|-------|-----|----|
            | 01      | Seizure        | 4     | 3     | 3   | => |
            | 01      | Neurotoxicity  | 2     | 1     | 20  | => |
            | 01      | Seizure        | 4     | 15    | 15  | => |
            """
        )[0],
        episodes={"gap_days": 0},
    )
    assert_result(
        "core_episodes",
        "episode_number",
        frames,
        """
        | => | episode_number | onset_day | last_day | peak_point | peak_high |
        |----|----------------|-----------|----------|------------|-----------|
        | => | 1              | 3         | 15       | 4          | 4         |
        """,
    )


@pytest.mark.parametrize(
    ("cutoff", "death", "last_day"), [(None, None, 56), (date(2020, 1, 20), None, 19), (None, 10, 10)]
)
def test_ongoing_runs_to_death_cut_off_or_window_end(
    cutoff: date | None, death: int | None, last_day: int
) -> None:
    """[5] And is flagged."""
    died = studies.instants(death)
    cells = [{"term": "Encephalopathy", "grade": "2", "start": "3", "end": "unknown", "ongoing": "yes"}]
    frames = grade(cells, data_cutoff=cutoff, subject={"death_earliest": died[0], "death_latest": died[1]})
    found = frames["core_episodes"].select("onset_day", "last_day", "is_ongoing").rows()
    assert found == [(3, last_day, True)]


@pytest.mark.parametrize(
    ("crs", "relation"), [("", "none"), ("5", "before"), ("2", "during"), ("1", "after")]
)
def test_onset_of_an_episode_against_crs(crs: str, relation: str) -> None:
    """[5] Before, during or after reported cytokine release syndrome, or none reported."""
    end = {"5": "9", "2": "4", "1": "1"}.get(crs, "")
    cells = [{"subject": "01", "term": "Encephalopathy", "grade": "2", "start": "3"}]
    if crs:
        row = {"subject": "01", "term": "Cytokine release syndrome", "grade": "2", "start": crs, "end": end}
        cells.append(row)
    assert grade(cells)["core_episodes"]["crs_relation"].to_list() == [relation]


def test_the_comparator_is_the_highest_source_grade_of_a_named_set() -> None:
    """[5] Broad with headache, core without; rows outside the window and of grade 0 do not count."""
    frames = grade(
        read_table(
            """
            | subject | term           | grade | start | sponsor | => |
            |---------|----------------|-------|-------|---------|----|
            | 01      | Headache       | 3     | 2     |         | => |
            | 01      | Encephalopathy | 2     | 2     | yes     | => |
            | 01      | Encephalopathy | 4     | 40    |         | => |
            | 02      | Encephalopathy | 0     | 2     | yes     | => |
            | 03      | Encephalopathy | ?     | 2     |         | => |
            """
        )[0]
    )
    rows = frames["diff_scale_subjects"].filter("is_primary_window").sort("subject_id", "comparator_set")
    assert_rows(
        rows.to_dicts(),
        read_table(
            """
            | => | subject_id | comparator_set | source_grade | is_source_incomplete | change_point     |
            |----|------------|----------------|--------------|----------------------|------------------|
            | => | 01         | broad          | 3            | False                | down             |
            | => | 01         | core           | 2            | False                | unchanged        |
            | => | 01         | sponsor        | 2            | False                | unchanged        |
            | => | 02         | broad          | 0            | False                | unchanged        |
            | => | 02         | core           | 0            | False                | unchanged        |
            | => | 02         | sponsor        | 0            | False                | unchanged        |
            | => | 03         | broad          |              | True                 | source_unknown   |
            | => | 03         | core           |              | True                 | source_unknown   |
            | => | 03         | sponsor        | 0            | False                | to_indeterminate |
            """
        )[1],
    )


def test_rates_name_their_denominator() -> None:
    """[5] All infused subjects; without a subject table, subjects with a reported event."""
    cells = [{"term": "Encephalopathy", "grade": "3"}, {"term": "Tremor", "grade": "1"}]
    for in_table, name in ((True, "infused subjects"), (False, "subjects with a reported event")):
        frames = grade(cells, subject={"is_in_subject_table": in_table})
        row = frames["core_incidence"].row(
            by_predicate=(pl.col("window_days") == 30)
            & (pl.col("estimate") == "icans_point")
            & (pl.col("threshold") == 3),
            named=True,
        )
        assert (row["subjects"], row["denominator"], row["denominator_name"]) == (1, 2, name)
        assert (row["proportion"], row["ci_low"], row["ci_high"]) == (0.5, 0.012579, 0.987421)


# --- 6.1 changes and crossings -----------------------------------------------------------------


def test_how_a_source_grade_becomes_an_icans_grade() -> None:
    """[6.1] Unchanged, up, down, to zero, to indeterminate; an unknown source stays unknown."""
    frames = grade(
        read_table(
            """
            | term           | grade | => |
            |----------------|-------|----|
            | Encephalopathy | 3     | => |
            | Seizure        | 1     | => |
            | Headache       | 3     | => |
            | Neurotoxicity  | 2     | => |
            | Encephalopathy | ?     | => |
            """
        )[0]
    )
    assert_result(
        "diff_scale_events",
        "subject_id",
        frames,
        """
        | => | source_grade | change_low     | change_point     | change_high    |
        |----|--------------|----------------|------------------|----------------|
        | => | 3            | down           | unchanged        | up             |
        | => | 1            | up             | up               | up             |
        | => | 3            | to_zero        | to_zero          | to_zero        |
        | => | 2            | to_zero        | to_indeterminate | up             |
        | => |              | source_unknown | source_unknown   | source_unknown |
        """,
    )


def test_threshold_crossings_are_counted_over_infused_subjects() -> None:
    """[6.1] A seizure of grade 2 crosses 3 upwards, a headache of grade 3 downwards."""
    cells = [{"term": "Seizure", "grade": "2"}, {"term": "Headache", "grade": "3"}]
    frames = grade(cells)["diff_scale_thresholds"]
    of_three = frames.filter(
        (pl.col("comparator_set") == "broad")
        & (pl.col("window_days") == 30)
        & (pl.col("estimate") == "point")
        & (pl.col("threshold") == 3)
    )
    assert dict(of_three.select("crossing", "subjects").rows()) == {"up": 1, "down": 1}
