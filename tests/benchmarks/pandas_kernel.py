"""The kernel once more, as a data scientist would write it in pandas.

Written from GRADING.md and the tables of the release, without a line of `pipelines.grading`; scope and
look-ups in `decision_lookup`. Frames in memory, merges and masks, one step after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from mappings.release import Release
from schemas.manifest import StudyManifest
from tests.benchmarks.decision_lookup import (
    CAUSES,
    EVENT_COLUMNS,
    EVENT_FIELDS,
    EVENT_KEY,
    SILENT,
    SUBJECT_COLUMNS,
    SUBJECT_KEY,
    Combination,
    decide,
    index_release,
    is_harmless,
    require_scope,
)
from tests.oracle.release_index import ReleaseIndex
from tests.oracle.terms import resolve

TERMS = ["llt_code", "pt_code", "preferred_term", "lowest_level_term", "body_system"]
SUBJECT = ["study_id", "subject_id"]
EVENT = list(EVENT_KEY)
FOREVER = datetime(9999, 12, 31, 23, 59, 59)
NEVER = datetime(1, 1, 1)
ONE_DAY = timedelta(days=1)


def grade(files: Mapping[str, Path], release: Release, manifest: StudyManifest, target: Path) -> None:
    """Read the checked tables, write `core_event_grades` and `core_subject_grades` into `target`."""
    version, index = require_scope(manifest), index_release(release)
    events = pd.read_parquet(files["core_adverse_events"], columns=list(EVENT_FIELDS))
    subjects = pd.read_parquet(files["core_subjects"])
    infusions = pd.read_parquet(files["core_infusions"])
    rejected = pd.read_parquet(files["core_rejected_rows"])
    windows = [manifest.windows.primary_days, *manifest.windows.sensitivity_days]

    events = find_concepts(events, version, index)
    events = events.merge(subjects[[*SUBJECT, "population", "vital_status"]], on=SUBJECT, how="left")
    events = find_decisions(events, version, index)
    events = apply_context(events, index)
    placed = place(events, infusions, windows)
    of_subjects = unite(events, placed, rejected, subjects, infusions, windows, version, index)
    of_events = finish_events(events, placed, windows[0])
    of_events[list(EVENT_COLUMNS)].to_parquet(target / "core_event_grades.parquet", index=False)
    of_subjects[list(SUBJECT_COLUMNS)].to_parquet(target / "core_subject_grades.parquet", index=False)


def find_concepts(rows: pd.DataFrame, version: str, index: ReleaseIndex) -> pd.DataFrame:
    """Add concept_id and is_in_scope (GRADING.md 3.3); each combination of term cells is looked up once."""
    terms = rows[TERMS].drop_duplicates()
    found = [
        resolve({**_plain(row), "verbatim_term": None}, version, False, index)
        for row in terms.to_dict("records")
    ]
    terms = terms.assign(
        concept_id=[one.concept_id for one in found],
        is_in_scope=[one.is_in_scope for one in found],
    )
    return rows.merge(terms, on=TERMS, how="left")


def find_decisions(events: pd.DataFrame, version: str, index: ReleaseIndex) -> pd.DataFrame:
    """Add the interval of the release (3.1, 3.4), once per combination that occurs."""
    survived = events["is_fatal"].eq(False) | events["vital_status"].eq("alive")
    events["is_unreadable"] = events["grade_status"].eq("unreadable")
    events["can_be_fatal"] = events["grade"].isna() & ~survived
    keys = list(Combination._fields)
    asked = events[keys].drop_duplicates()
    combinations = [
        Combination(**{**_plain(row), "grade": None if pd.isna(row["grade"]) else int(row["grade"])})
        for row in asked.to_dict("records")
    ]
    answers = pd.DataFrame(decide(combinations, index, version), index=asked.index)
    answers["point"] = answers["point"].astype("float64")
    return events.merge(pd.concat([asked, answers], axis=1), on=keys, how="left")


def apply_context(events: pd.DataFrame, index: ReleaseIndex) -> pd.DataFrame:
    """Death, causality and other causes, in that order (3.5); adds a flag per reason."""
    events["counts"] = ~events["disposition"].isin(SILENT)
    roles = {concept: row["cause_role"] for concept, row in index.concepts.items()}
    overlaps = find_overlaps(events, roles)
    over = events.merge(overlaps, on=EVENT, how="left")
    for name in ("other_cause", "haemorrhage"):
        events[name] = over[name].eq(True).to_numpy()
    related = events["relationship"]
    contradicted = events["counts"] & events["grade"].eq(5) & events["vital_status"].eq("alive")
    died = events["counts"] & events["is_fatal"].eq(True) & events["grade"].fillna(0).lt(5)
    events.loc[contradicted, ["low", "high"]] = [0, 4]
    events.loc[contradicted, "point"] = float("nan")
    events.loc[died, "high"] = 5
    unrelated = events["counts"] & related.eq("not_related")
    unlikely = events["counts"] & related.eq("unlikely")
    caused = events["counts"] & events["other_cause"]
    bled = events["counts"] & events["haemorrhage"] & events["domains"].eq("icp")
    events.loc[unrelated | unlikely | caused, "low"] = 0
    events.loc[unrelated | bled, "point"] = 0
    return events.assign(
        r_death_contradiction=contradicted,
        r_fatal_outcome=died,
        r_attribution_not_related=unrelated,
        r_attribution_unlikely=unlikely,
        r_other_cause_overlap=caused,
        r_haemorrhage_overlap=bled,
    )


def find_overlaps(events: pd.DataFrame, roles: Mapping[str, str | None]) -> pd.DataFrame:
    """Rows with another row of the subject that is another cause, a day of slack on both sides."""
    spans = events[[*EVENT, "start_earliest", "end_latest", "concept_id", "disposition"]].assign(
        role=events["concept_id"].map(roles)
    )
    causes = spans[spans["role"].isin(CAUSES) & spans["disposition"].ne("no_event")]
    pairs = spans[[*EVENT, "start_earliest", "end_latest"]].merge(causes, on=SUBJECT, suffixes=("", "_cause"))
    first, last = pairs["start_earliest"].dt.floor("D"), pairs["end_latest"].dt.floor("D")
    cause_first = pairs["start_earliest_cause"].dt.floor("D")
    cause_last = pairs["end_latest_cause"].dt.floor("D")
    begins = first.isna() | cause_last.isna() | (first <= cause_last + ONE_DAY)
    ends = last.isna() | cause_first.isna() | (last >= cause_first - ONE_DAY)
    meets = pairs[begins & ends & pairs["event_id"].ne(pairs["event_id_cause"])]
    meets = meets.assign(other_cause=True, haemorrhage=meets["role"].eq("haemorrhage"))
    return meets.groupby(EVENT, as_index=False)[["other_cause", "haemorrhage"]].any()


def place(events: pd.DataFrame, infusions: pd.DataFrame, windows: list[int]) -> pd.DataFrame:
    """Each row in each window of each infusion it can follow (3.5, Window and Several infusions)."""
    onset = events[[*EVENT, "start_earliest", "start_latest", "end_latest"]].copy()
    start, end = onset["start_earliest"], onset["end_latest"]
    bounds = end.notna() & (start.isna() | (end >= start))
    earlier = onset["start_latest"].isna() | (end < onset["start_latest"])
    onset["latest"] = onset["start_latest"].where(~(bounds & earlier), end)
    dated = infusions.groupby(SUBJECT)["infusion_earliest"].transform("count") > 0
    spans = infusions[dated].sort_values([*SUBJECT, "infusion_number"])
    spans = spans[[*SUBJECT, "infusion_number", "infusion_earliest", "infusion_latest"]].assign(
        next_latest=spans.groupby(SUBJECT)["infusion_latest"].shift(-1)
    )
    pairs = onset.merge(spans, on=SUBJECT)
    earliest = pairs["start_earliest"].fillna(NEVER)
    follows = pairs["latest"].fillna(FOREVER) >= pairs["infusion_earliest"].fillna(NEVER)
    follows &= earliest < pairs["next_latest"].fillna(FOREVER)
    precedes = (earliest < pairs["infusion_latest"].fillna(FOREVER)) & pairs["infusion_number"].eq(1)
    choices = (follows.astype("int8") + precedes.astype("int8")).groupby([pairs[name] for name in EVENT])
    pairs["is_certain"] = choices.transform("sum").eq(1)
    pairs = pairs[follows]
    pairs["from"] = (pairs["start_earliest"].dt.floor("D") - pairs["infusion_latest"].dt.floor("D")).dt.days
    pairs["to"] = (pairs["latest"].dt.floor("D") - pairs["infusion_earliest"].dt.floor("D")).dt.days
    parts = []
    for days in windows:
        inside = pairs["is_certain"] & pairs["from"].ge(0) & pairs["to"].le(days)
        status = pd.Series("partly", index=pairs.index, dtype=object)
        status = status.mask(inside, "inside").mask(pairs["from"].gt(days), "late")
        parts.append(pairs[[*EVENT, "infusion_number"]].assign(window_days=days, window_status=status))
    undated = onset.merge(spans[SUBJECT].drop_duplicates(), on=SUBJECT, how="left", indicator=True)
    undated = undated[undated["_merge"].eq("left_only")][EVENT]
    for days in windows:
        parts.append(undated.assign(infusion_number=0, window_days=days, window_status="no_infusion_date"))
    return pd.concat(parts, ignore_index=True)


def unite(
    events: pd.DataFrame,
    placed: pd.DataFrame,
    rejected: pd.DataFrame,
    subjects: pd.DataFrame,
    infusions: pd.DataFrame,
    windows: list[int],
    version: str,
    index: ReleaseIndex,
) -> pd.DataFrame:
    """The union over the rows of each subject, infusion (0: all) and window (law 3, section 5)."""
    here = placed[placed["window_status"].ne("late")].merge(
        events[[*EVENT, "low", "point", "high"]], on=EVENT, how="left"
    )
    here.loc[here["window_status"].ne("inside"), "low"] = 0
    parts = [here, here[here["infusion_number"].gt(0)].assign(infusion_number=0)]
    frame = _frame(subjects, infusions, windows)
    withheld = find_withheld(rejected, subjects, version, index)
    parts.append(withheld.merge(frame[list(SUBJECT_KEY)], on=SUBJECT))
    rows = pd.concat([part[[*SUBJECT_KEY, "low", "point", "high"]] for part in parts], ignore_index=True)
    rows["open_high"] = rows["high"].where(rows["point"].isna())
    union = rows.groupby(list(SUBJECT_KEY), as_index=False)[["low", "point", "high", "open_high"]].max()
    result = frame.merge(union, on=list(SUBJECT_KEY), how="left")
    columns = ["low", "point", "high", "open_high"]
    result[columns] = result[columns].fillna(0)
    result["point"] = result["point"].where(result["open_high"] <= result["point"])
    outcome = pd.Series("INDETERMINATE", index=result.index, dtype=object)
    outcome = outcome.mask(result["high"].eq(0), "NOT_ICANS").mask(result["low"].ge(1), "ICANS")
    return result.assign(outcome=outcome.mask(~result["is_dated"], "NOT_EVALUABLE"))


def _frame(subjects: pd.DataFrame, infusions: pd.DataFrame, windows: list[int]) -> pd.DataFrame:
    is_dated = infusions["infusion_earliest"].notna()
    placeable = is_dated.groupby([infusions[name] for name in SUBJECT]).transform("any")
    each = infusions[placeable][[*SUBJECT, "infusion_number"]].assign(is_dated=is_dated[placeable])
    known = each[SUBJECT].drop_duplicates().assign(is_dated=True)
    over_all = subjects[SUBJECT].merge(known, on=SUBJECT, how="left").assign(infusion_number=0)
    over_all["is_dated"] = over_all["is_dated"].eq(True)
    frame = pd.concat([over_all, each], ignore_index=True)
    return frame.merge(pd.DataFrame({"window_days": windows}), how="cross")


def find_withheld(
    rejected: pd.DataFrame, subjects: pd.DataFrame, version: str, index: ReleaseIndex
) -> pd.DataFrame:
    """What rejected rows could have been: anything, unless their term can be no sign (section 5)."""
    rows = rejected[
        rejected["table_name"].eq("adverse_events")
        & rejected["subject_id"].notna()
        & rejected["rule_id"].ne("CHK-DUPLICATE-ROW")
    ]
    rows = find_concepts(rows, version, index)
    rows = rows.merge(subjects[[*SUBJECT, "population", "vital_status"]], on=SUBJECT, how="left")
    harmless = [
        not in_scope if pd.isna(concept) else is_harmless(concept, population, index)
        for concept, in_scope, population in zip(
            rows["concept_id"], rows["is_in_scope"], rows["population"].fillna("unknown"), strict=True
        )
    ]
    silent = pd.Series(harmless, index=rows.index, dtype="bool")
    high = pd.Series(5, index=rows.index).mask(rows["vital_status"].eq("alive"), 4).mask(silent, 0)
    point = pd.Series(float("nan"), index=rows.index).mask(silent, 0)
    return rows[SUBJECT].assign(low=0, point=point, high=high)


def finish_events(events: pd.DataFrame, placed: pd.DataFrame, primary_days: int) -> pd.DataFrame:
    """Status and interval of the primary window of the latest infusion, and every reason to look."""
    primary = placed[placed["window_days"].eq(primary_days)].sort_values("infusion_number")
    latest = primary.drop_duplicates(EVENT, keep="last")[[*EVENT, "window_status"]]
    events = events.merge(latest, on=EVENT, how="left")
    events["window_status"] = events["window_status"].fillna("before_infusion")
    status, counts = events["window_status"], events["counts"]
    before = counts & status.eq("before_infusion")
    events.loc[before, ["low", "point", "high"]] = 0
    events.loc[counts & status.isin(["partly", "no_infusion_date"]), "low"] = 0
    events["r_onset_partly_in_window"] = counts & status.eq("partly")
    events["r_no_infusion_date"] = counts & status.eq("no_infusion_date")
    events["r_late_onset"] = counts & status.eq("late")
    flags = [name for name in events.columns if name.startswith("r_")]
    combinations = events[["reasons", *flags]].drop_duplicates()
    combinations["review_reasons"] = [_reasons(row, flags) for row in combinations.to_dict("records")]
    return events.merge(combinations, on=["reasons", *flags], how="left")


def _reasons(row: Mapping[str, Any], flags: Iterable[str]) -> str | None:
    given = [] if pd.isna(row["reasons"]) else row["reasons"].split("|")
    return "|".join(sorted({*given, *(flag[2:] for flag in flags if row[flag])})) or None


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Missing cells as None."""
    return {str(name): None if pd.isna(cell) else cell for name, cell in row.items()}
