"""What assessments give, the course over time, contradictions, and what would close an interval.

Intervals, null points and joined lists are as in `schemas.results`. Days: `*_day` counts the infusion as
day 0; `*_study_day` is the CDISC count, in which the infusion is day 1 and there is no day 0.
"""

from __future__ import annotations

from typing import Annotated

import polars as pl

from schemas.base import Table, column, table
from schemas.results import NO_POINT
from schemas.vocabulary import (
    CENSORING_REASONS,
    CLOSING_IMPACTS,
    CONTRADICTION_KINDS,
    DOMAINS,
    ESTIMATES,
    IMPUTATION_FLAGS,
    STUDY_ID_PATTERN,
    TIME_TO_EVENT_PARAMETERS,
    WINDOW_STATUSES,
)

CRS_RELATIONS = ("before", "during", "after", "none")


@table(
    "core_assessment_grades",
    grain="one moment of one subject and one domain that it informs",
    key=("study_id", "subject_id", "moment", "domain"),
)
class CoreAssessmentGrades(Table):
    """Each assessed moment as an ICANS interval of a domain, with the rule and what bears on its cause."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    moment: str = column(
        "The moment: its date, its date and time, or the range it can be; file:row where it has no date"
    )
    domain: str = column(
        "Domain, or 'all' where a grade of the whole patient was stated", isin=[*DOMAINS, "all"]
    )
    assessed_earliest: Annotated[pl.Datetime, "us", None] = column("First instant", null="unknown")
    assessed_latest: Annotated[pl.Datetime, "us", None] = column("Last instant", null="unknown")
    evidence: str = column("The items and values that decided, as item=value, joined by |")
    rule_id: str = column("Rule that turned them into an interval")
    measured_low: pl.Int8 = column("Low before context", ge=0, le=5)
    measured_point: pl.Int8 = column("Point before context", null=NO_POINT, ge=0, le=5)
    measured_high: pl.Int8 = column("High before context", ge=0, le=5)
    is_usable: bool = column("Counts as coverage of its day: exact date, at most two neighbouring grades")
    context_rules: str = column("Context rules applied, in order, joined by |", null="none applied")
    low: pl.Int8 = column("Lowest ICANS grade consistent with the moment", ge=0, le=5)
    point: pl.Int8 = column("Most defensible ICANS grade", null=NO_POINT, ge=0, le=5)
    high: pl.Int8 = column("Highest ICANS grade consistent with the moment", ge=0, le=5)
    review_reasons: str = column("Why a person should look, codes joined by |", null="no reason")
    requires: str = column("What would close the interval, joined by |", null="nothing")
    infusion_number: pl.Int32 = column(
        "Latest infusion the moment can follow", null="none, or no infusion date"
    )
    day_earliest: pl.Int32 = column("First day the moment can be", null="no bound or no dated infusion")
    day_latest: pl.Int32 = column("Last day the moment can be", null="no bound or no dated infusion")
    window_status: str = column("Moment against the primary window", isin=list(WINDOW_STATUSES))


@table(
    "core_assessment_windows",
    grain="one moment, domain, infusion and window",
    key=("study_id", "subject_id", "moment", "domain", "infusion_number", "window_days"),
)
class CoreAssessmentWindows(Table):
    """What each assessed moment contributes to each window of each infusion it can follow."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    moment: str = column("The moment")
    domain: str = column("Domain, or 'all'", isin=[*DOMAINS, "all"])
    infusion_number: pl.Int32 = column(
        "Infusion the moment can follow; 0 where the subject has no dated infusion", ge=0
    )
    window_days: pl.Int32 = column("Last day of the window", ge=0)
    window_status: str = column("Moment against this window", isin=list(WINDOW_STATUSES))
    low: pl.Int8 = column("Contribution: low", ge=0, le=5)
    point: pl.Int8 = column("Contribution: point", null=NO_POINT, ge=0, le=5)
    high: pl.Int8 = column("Contribution: high", ge=0, le=5)


@table(
    "core_event_dates",
    grain="one adverse-event row",
    key=("study_id", "subject_id", "event_id"),
)
class CoreEventDates(Table):
    """One date where one date is needed, imputed by the ADaM convention, with its flag.

    Start: the first possible day, but not before the first infusion where the range reaches it. End: the
    last possible day, but not after death or the data cut. Flags as ADaM *DTF: the highest part that was
    imputed (Y, M, D). No interval depends on an imputed date.
    """

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    event_id: str = column("Event identifier within the subject", origin="AESEQ")
    start_date: pl.Date = column("Start, imputed where partial", origin="ASTDT", null="nothing is known")
    start_imputation: str = column(
        "What was imputed", origin="ASTDTF", null="nothing", isin=list(IMPUTATION_FLAGS)
    )
    end_date: pl.Date = column("End, imputed where partial", origin="AENDT", null="unknown or ongoing")
    end_imputation: str = column(
        "What was imputed", origin="AENDTF", null="nothing", isin=list(IMPUTATION_FLAGS)
    )


@table(
    "core_subject_courses",
    grain="one subject, infusion and estimate",
    key=("study_id", "subject_id", "infusion_number", "estimate"),
)
class CoreSubjectCourses(Table):
    """The course of each subject after each dated infusion, by the low, point and high of its days.

    Days are those of core_subject_days, in the longest window. `low` counts days that certainly reach a
    grade, `high` days that possibly do, `point` days with a defensible grade.
    """

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    infusion_number: pl.Int32 = column("Infusion that is day 0", ge=1)
    estimate: str = column("Which value of each day is counted", isin=list(ESTIMATES))
    onset_day: pl.Int32 = column("First day at grade >= 1", null="no such day", ge=0)
    onset_study_day: pl.Int32 = column("The same, CDISC count (infusion = 1)", null="no such day", ge=1)
    peak_grade: pl.Int8 = column("Highest grade of a day", ge=0, le=5)
    peak_day: pl.Int32 = column("First day of the highest grade", null="no day at grade >= 1", ge=0)
    last_day: pl.Int32 = column("Last day at grade >= 1", null="no such day", ge=0)
    duration_days: pl.Int32 = column("last_day - onset_day + 1", null="no day at grade >= 1", ge=1)
    resolution_day: pl.Int32 = column(
        "First day after the last one at grade >= 1", null="no such day, or unresolved", ge=1
    )
    episodes: pl.Int64 = column("Episodes, gaps as in core_episodes", ge=0)
    recurrences: pl.Int64 = column("Episodes after the first", ge=0)
    is_late_onset: bool = column("Onset after day 28", null="no onset")
    is_unresolved: bool = column(
        "The last day is the end of what was observed: cut-off, death or the end of the longest window",
        null="no onset",
    )
    first_day_grade_3: pl.Int32 = column("First day at grade >= 3", null="no such day", ge=0)
    days_grade_1: pl.Int64 = column("Days at grade 1", ge=0)
    days_grade_2: pl.Int64 = column("Days at grade 2", ge=0)
    days_grade_3: pl.Int64 = column("Days at grade 3", ge=0)
    days_grade_4: pl.Int64 = column("Days at grade 4", ge=0)
    days_grade_5: pl.Int64 = column("Days at grade 5", ge=0)
    days_without_point: pl.Int64 = column("Days on which no single grade is defensible", ge=0)
    crs_relation: str = column("Onset against reported CRS", null="no onset", isin=list(CRS_RELATIONS))
    has_imputed_date: bool = column("An event that can be ICANS has a start or end that is not a whole date")


@table(
    "core_time_to_event",
    grain="one infused subject, parameter and estimate; first dated infusion",
    key=("study_id", "subject_id", "parameter", "estimate"),
)
class CoreTimeToEvent(Table):
    """Days from the first dated infusion to an event or to censoring, in the shape of ADTTE.

    `estimate` low counts what certainly happened, at the latest day it can have happened; high what
    possibly happened, at the earliest; point uses one date per event, imputed where partial. What an event
    can be on the day of the next infusion or later counts from that infusion: there the first one is
    censored.
    """

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    parameter: str = column("What is waited for", origin="PARAMCD", isin=list(TIME_TO_EVENT_PARAMETERS))
    estimate: str = column("Which end of the intervals counts", isin=list(ESTIMATES))
    start_day: pl.Int32 = column(
        "Day from which the waiting counts: 0, or the first ICANS day for ICANS_RESOLUTION (0 where there "
        "is none)",
        origin="STARTDT",
        ge=0,
    )
    day: pl.Int32 = column("Day of the event or of censoring; the infusion is day 0", origin="ADT", ge=0)
    study_day: pl.Int32 = column("The same, CDISC count (infusion = 1)", origin="ADY", ge=1)
    waiting_days: pl.Int32 = column("day - start_day", origin="AVAL", ge=0)
    is_event: bool = column("The event happened on that day; else censored there", origin="CNSR = 0")
    censoring_reason: str = column(
        "Why follow-up ended", origin="CNSDTDSC", null="the event happened", isin=list(CENSORING_REASONS)
    )
    is_imputed: bool = column("The day rests on an imputed date")


@table(
    "core_course_summary",
    grain="one parameter, estimate and treatment of imputed dates",
    key=("study_id", "measure", "estimate", "imputed_dates"),
)
class CoreCourseSummary(Table):
    """Onset, duration and time to grade >= 3 over the subjects of a study, with and without imputed dates."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    measure: str = column(
        "What is summarised, in days",
        isin=["onset_day", "duration_days", "first_day_grade_3"],
    )
    estimate: str = column("Which value of each day is counted", isin=list(ESTIMATES))
    imputed_dates: str = column(
        "Subjects whose course rests on an imputed date are in or out", isin=["included", "excluded"]
    )
    subjects: pl.Int64 = column("Subjects with a value", ge=0)
    subjects_imputed: pl.Int64 = column("Of these, subjects whose course rests on an imputed date", ge=0)
    median: pl.Float64 = column("Median in days, 6 decimals", null="no subject")
    minimum: pl.Int32 = column("Smallest", null="no subject")
    maximum: pl.Int32 = column("Largest", null="no subject")


@table(
    "core_contradictions",
    grain="one contradiction between two places of the record",
    key=("study_id", "subject_id", "kind", "left_place", "right_place", "detail"),
)
class CoreContradictions(Table):
    """Two statements of the record that cannot both hold, and which rule decided what to do."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    kind: str = column("What contradicts what", isin=list(CONTRADICTION_KINDS))
    left_place: str = column("Where the first statement is: file:row")
    right_place: str = column("Where the second statement is: file:row, or file:row|file:row")
    detail: str = column("Domain, item or column that the two disagree on")
    left_value: str = column("What the first says")
    right_value: str = column("What the second says")
    rule_id: str = column("Rule that decided")
    decision: str = column("What was done, in words")


@table(
    "core_closing_facts",
    grain="one fact that would help to settle one threshold of one subject in the primary window",
    key=("study_id", "subject_id", "threshold", "fact", "infusion_number", "first_day"),
)
class CoreClosingFacts(Table):
    """For each threshold that the record leaves open, the smallest set of facts that would settle it.

    A threshold t is open while low < t <= high. All facts of a subject and threshold together settle it;
    threshold 1 is the primary outcome.
    """

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    threshold: pl.Int8 = column("Grade threshold; 1 is the primary outcome (any ICANS)", ge=1, le=5)
    fact: str = column("The fact, in the words of the responsible rules")
    infusion_number: pl.Int32 = column(
        "Infusion that the days count from; 0 where the fact is not about days", ge=0
    )
    first_day: pl.Int32 = column("First day it is needed for; -1 where the days are not known", ge=-1)
    last_day: pl.Int32 = column("Last day it is needed for; -1 where the days are not known", ge=-1)
    sentence: str = column("The fact with its days, e.g. 'ICE score on days 6 to 9'")
    impact: str = column("Why it matters most, worst first", isin=list(CLOSING_IMPACTS))
    impact_rank: pl.Int32 = column("1 is the most urgent impact", ge=1)
    domains: str = column("Domains of the responsible rows, joined by |", null="no domain")
    rules: str = column("Responsible rules, joined by |")
    events: pl.Int64 = column("Responsible rows", ge=1)
