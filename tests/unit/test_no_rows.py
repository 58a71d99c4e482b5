"""What follows from no rows is found out once, and is the same as found out each time."""

from __future__ import annotations

from datetime import date

import polars as pl

from pipelines.grading.assessments import derive_assessment_windows, derive_caps, derive_deficits
from pipelines.grading.measured import derive_measured_days
from pipelines.grading.moments import derive_moments
from pipelines.grading.no_rows import remember_no_rows
from tests import studies


def test_asked_once_for_the_same_columns_and_always_for_rows() -> None:
    asked: list[int] = []

    @remember_no_rows
    def join(rows: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
        asked.append(rows.height)
        return rows.join(others, on="a", how="inner")

    none = pl.DataFrame(schema={"a": pl.Int64})
    one = pl.DataFrame({"a": [1]})
    two = pl.DataFrame({"a": [1], "b": ["x"]})
    assert join(none, one).columns == join(none, others=one).columns == ["a"]
    assert asked == [0]
    assert join(none, two).schema == {"a": pl.Int64, "b": pl.String}
    assert asked == [0, 0]
    assert join(one, two).rows() == join(one, two).rows() == [(1, "x")]
    assert asked == [0, 0, 1, 1]


def test_no_moments_give_no_rows_whatever_else_is_recorded() -> None:
    checked = studies.to_frames(studies.study([]))
    infusions = checked["core_infusions"]
    assert infusions.height == checked["core_subjects"].height == 1
    depressed = pl.DataFrame(
        {"study_id": [studies.STUDY], "subject_id": ["01"], "first": [date(2020, 1, 2)], "last": [None]},
        schema_overrides={"last": pl.Date},
    )
    none = checked["core_assessments"].clear()
    moments = derive_moments(none, checked["core_subjects"], checked["core_sedation"], depressed)
    deficits = derive_deficits(moments, infusions)
    placed = derive_assessment_windows(moments, infusions, [30, 56])
    found = [moments, deficits, derive_caps(moments), derive_measured_days(moments, deficits), *placed]
    assert [frame.height for frame in found] == [0] * 6
    assert found[0].schema["is_usable"] == pl.Boolean
