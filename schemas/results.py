"""What the kernel decides: events, windows, subjects, days, episodes, incidence, scale diffs.

Every interval is `low <= point <= high` on the ASTCT scale 0..5; a null point means that no single
grade is defensible, never 0. Lists in text columns are sorted and joined by `|`.
"""

from __future__ import annotations

import polars as pl

from schemas.base import Table, column, table
from schemas.vocabulary import (
    ATTRIBUTION_POLICIES,
    CHANGES,
    COMPARATOR_SETS,
    CROSSINGS,
    DISPOSITIONS,
    GRADE_STATUSES,
    MATCH_METHODS,
    OUTCOMES,
    SCALES,
    STUDY_ID_PATTERN,
    WINDOW_STATUSES,
)

NO_POINT = "no single grade is defensible"


@table(
    "core_studies",
    grain="one study",
    key=("study_id",),
)
class CoreStudies(Table):
    """Studies with the conventions their results were made under."""

    study_id: str = column("Study identifier", origin="STUDYID", str_matches=STUDY_ID_PATTERN)
    title: str = column("Title", null="not given")
    product: str = column("Cell product", null="not given")
    scale: str = column("Grading scale of the table", isin=list(SCALES))
    scale_version: str = column("Version of the scale", null="not recorded")
    conventions: str = column("Study conventions declared, joined by |", null="none")
    attribution_policy: str = column("How causality evidence is used", isin=list(ATTRIBUTION_POLICIES))
    primary_window_days: pl.Int32 = column("Last day of the primary window; day 0 is the infusion", ge=0)
    sensitivity_window_days: str = column("Last days of the other windows, joined by |", null="none")
    infusion_source: str = column("Where infusion dates come from")
    infusion_note: str = column("Remark on what stands for the infusion", null="none")
    is_ae_table_complete: bool = column("The adverse-event table is complete; if not, nobody is NOT_ICANS")
    denominator: str = column("What rates are of: 'infused subjects' or 'subjects with a reported event'")
    data_cutoff: str = column("Data cut, ISO 8601", null="not given")
    mapping_release_id: str = column("Mapping release used")
    mapping_review_status: str = column("Review status of that release, in words")
    subjects: pl.Int64 = column("Subjects", ge=0)
    subjects_infused: pl.Int64 = column("Subjects with an infusion recorded", ge=0)
    ae_rows_read: pl.Int64 = column("Adverse-event rows read", ge=0)
    ae_rows_valid: pl.Int64 = column("Adverse-event rows graded", ge=0)
    ae_rows_rejected: pl.Int64 = column("Adverse-event rows rejected", ge=0)


@table(
    "core_runs",
    grain="one run",
    key=("run_id",),
    run_scoped=False,
)
class CoreRuns(Table):
    """Published runs: everything that determines their bytes.

    Of each study the current run and, beside it, the latest one under each other mapping release.
    """

    run_id: str = column("sha256 over inputs, manifest, release, parameters and code")
    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    is_current: bool = column("The run that the views show for its study")
    is_comparable: bool = column(
        "Made from the same files, settings and program as the current run of its study: what differs is "
        "the mapping release's doing"
    )
    code_version: str = column("Version of this program")
    code_sha256: str = column("sha256 over the sources of the pure rooms")
    manifest_sha256: str = column("sha256 of the study manifest, canonical JSON")
    inputs_sha256: str = column("sha256 over the names and sha256 of the input files")
    mapping_release_id: str = column("Mapping release used")
    mapping_release_sha256: str = column("sha256 of that release")


@table(
    "core_event_grades",
    grain="one adverse-event row",
    key=("study_id", "subject_id", "event_id"),
)
class CoreEventGrades(Table):
    """Each adverse-event row with its ICANS interval, the rule behind it and the reasons to look."""

    study_id: str = column("Study identifier", origin="STUDYID", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    event_id: str = column("Event identifier within the subject", origin="AESEQ")
    source_file: str = column("File of the row")
    source_row: pl.Int64 = column("Data row", ge=1)
    term_key: str = column(
        "Normalised term or code that decided, or that nobody has mapped", null="the row has no term"
    )
    match_method: str = column("Step that found the concept", isin=list(MATCH_METHODS))
    concept_id: str = column("Concept", null="unmapped or out of scope")
    mapping_layer: str = column(
        "Release and private overlays whose rows decided concept and grade, joined by |",
        null="no mapping decision exists",
    )
    scale: str = column("Grading scale", isin=list(SCALES))
    scale_version: str = column("Version", null="not recorded")
    source_grade: pl.Int8 = column(
        "Grade as recorded, severity words as 1..5", null="missing or unreadable", ge=0, le=5
    )
    grade_status: str = column("How the grade was read", isin=list(GRADE_STATUSES))
    domains: str = column("ICANS domains restricted, joined by |", null="no domain")
    disposition: str = column("What the row does", isin=list(DISPOSITIONS))
    rule_id: str = column(
        "Rule that set the release interval: a grade row of the release or a kernel rule K-..."
    )
    source_rules: str = column(
        "Grade rows of the release that entered, joined by |", null="no grade row exists"
    )
    release_low: pl.Int8 = column("Low before context", ge=0, le=5)
    release_point: pl.Int8 = column("Point before context", null=NO_POINT, ge=0, le=5)
    release_high: pl.Int8 = column("High before context", ge=0, le=5)
    context_rules: str = column("Context rules applied, in order, joined by |", null="none applied")
    low: pl.Int8 = column("Lowest ICANS grade consistent with the record", ge=0, le=5)
    point: pl.Int8 = column("Most defensible ICANS grade", null=NO_POINT, ge=0, le=5)
    high: pl.Int8 = column("Highest ICANS grade consistent with the record", ge=0, le=5)
    review_reasons: str = column("Why a person should look, codes joined by |", null="no reason")
    requires: str = column("What would close the interval, joined by |", null="nothing")
    infusion_number: pl.Int32 = column(
        "Latest infusion the event can follow", null="none, or no infusion date"
    )
    onset_day_earliest: pl.Int32 = column(
        "First day the onset can be; day 0 is that infusion, or the first one where the event precedes it",
        null="no lower bound or no dated infusion",
    )
    onset_day_latest: pl.Int32 = column(
        "Last day the onset can be", null="no upper bound or no dated infusion"
    )
    window_status: str = column("Onset against the primary window", isin=list(WINDOW_STATUSES))
    is_broad: bool = column("In the broad comparator set")
    is_core: bool = column("In the core comparator set")
    is_sponsor: bool = column("In the sponsor's set", null="no flag recorded")


@table(
    "core_event_windows",
    grain="one event, infusion and window",
    key=("study_id", "subject_id", "event_id", "infusion_number", "window_days"),
)
class CoreEventWindows(Table):
    """What each event contributes to each window of each infusion it can follow."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    event_id: str = column("Event identifier within the subject", origin="AESEQ")
    infusion_number: pl.Int32 = column(
        "Infusion the event can follow; 0 where the subject has no dated infusion", ge=0
    )
    window_days: pl.Int32 = column("Last day of the window", ge=0)
    window_status: str = column("Onset against this window", isin=list(WINDOW_STATUSES))
    evidence_rule: str = column(
        "How assessments bear on the row in this window (K-MEASURED-...)", null="no assessment bears on it"
    )
    low: pl.Int8 = column("Contribution: low", ge=0, le=5)
    point: pl.Int8 = column("Contribution: point", null=NO_POINT, ge=0, le=5)
    high: pl.Int8 = column("Contribution: high", ge=0, le=5)


@table(
    "core_subject_grades",
    grain="one subject, infusion (0 = all) and window",
    key=("study_id", "subject_id", "infusion_number", "window_days"),
)
class CoreSubjectGrades(Table):
    """ICANS interval and outcome of each subject, per infusion and over all of them."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    infusion_number: pl.Int32 = column(
        "Infusion, or 0 for the maximum over all infusions of the subject", ge=0
    )
    window_days: pl.Int32 = column("Last day of the window", ge=0)
    is_primary_window: bool = column("The window of the headline result")
    is_infused: bool = column("An infusion is recorded, dated or not: the subject counts in the denominator")
    low: pl.Int8 = column("Lowest ICANS grade consistent with the record", ge=0, le=5)
    point: pl.Int8 = column("Most defensible ICANS grade", null=NO_POINT, ge=0, le=5)
    high: pl.Int8 = column("Highest ICANS grade consistent with the record", ge=0, le=5)
    outcome: str = column("Result in one word", isin=list(OUTCOMES))
    low_domains: str = column("Domains of the rows that set low, joined by |", null="low is 0")
    low_rules: str = column("Rules of the rows that set low, joined by |", null="low is 0")
    point_domains: str = column("Domains of the rows that set point, joined by |", null="point is 0 or null")
    point_rules: str = column("Rules of the rows that set point, joined by |", null="point is 0 or null")
    high_domains: str = column(
        "Domains of the rows that set high, joined by |", null="high is 0 or no domain"
    )
    high_rules: str = column("Rules of the rows that set high, joined by |", null="high is 0")
    review_reasons: str = column("Why a person should look, codes joined by |", null="no reason")
    requires: str = column("What would close the interval, joined by |", null="nothing")
    events: pl.Int64 = column("Event rows counted in the window", ge=0)
    assessments: pl.Int64 = column("Assessed moments and domains counted in the window", ge=0)
    events_alone_low: pl.Int8 = column("Low by adverse-event rows alone, no assessment read", ge=0, le=5)
    events_alone_point: pl.Int8 = column("Point by adverse-event rows alone", null=NO_POINT, ge=0, le=5)
    events_alone_high: pl.Int8 = column("High by adverse-event rows alone", ge=0, le=5)
    late_events: pl.Int64 = column("Event rows with onset certainly after the window", ge=0)
    rejected_rows: pl.Int64 = column("Adverse-event rows of the subject that could not be used", ge=0)


@table(
    "core_subject_days",
    grain="one subject, infusion and day",
    key=("study_id", "subject_id", "infusion_number", "day"),
)
class CoreSubjectDays(Table):
    """ICANS interval of each day on which it can exceed 0 or that was assessed, up to the longest window."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    infusion_number: pl.Int32 = column("Infusion that is day 0", ge=1)
    day: pl.Int32 = column("Day; the day of the infusion is 0", ge=0)
    study_day: pl.Int32 = column("The same, CDISC count: the day of the infusion is 1", ge=1)
    low: pl.Int8 = column("Low: 0 on each day of a row over several days", ge=0, le=5)
    point: pl.Int8 = column(
        "Point", null="no single grade is defensible, or the day is only possibly affected", ge=0, le=5
    )
    high: pl.Int8 = column("High; 0 only on a day that was assessed", ge=0, le=5)
    domains: str = column("Domains of the evidence behind high, joined by |", null="no domain")
    point_domains: str = column(
        "Domains of the evidence behind point, joined by |", null="point is 0 or null, or no domain"
    )
    is_assessed: bool = column("An assessment of that day can be used")


@table(
    "core_episodes",
    grain="one episode of one subject and infusion",
    key=("study_id", "subject_id", "infusion_number", "episode_number"),
)
class CoreEpisodes(Table):
    """Runs of days with point >= 1, merged over short gaps."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    infusion_number: pl.Int32 = column("Infusion that is day 0", ge=1)
    episode_number: pl.Int32 = column(
        "1 for the first episode after the infusion; later ones are recurrences", ge=1
    )
    onset_day: pl.Int32 = column("First day with point >= 1", ge=0)
    peak_day: pl.Int32 = column("First day of the highest point", ge=0)
    last_day: pl.Int32 = column("Last day with point >= 1", ge=0)
    duration_days: pl.Int32 = column("last_day - onset_day + 1", ge=1)
    peak_point: pl.Int8 = column("Highest point", ge=1, le=5)
    peak_high: pl.Int8 = column("Highest high on the days of the episode", ge=1, le=5)
    is_ongoing: bool = column(
        "An ongoing row without end date covers the last day: runs to death, cut-off or window end"
    )
    crs_relation: str = column("Onset against reported CRS", isin=["before", "during", "after", "none"])
    onset_study_day: pl.Int32 = column("onset_day, CDISC count: the day of the infusion is 1", ge=1)
    has_imputed_date: bool = column(
        "An event that can be ICANS on a day of the episode has a start or end that is not a whole date"
    )
    gap_days: pl.Int32 = column("Gaps of at most this many days were merged", ge=0)


@table(
    "core_unmapped_terms",
    grain="one normalised term and class",
    key=("study_id", "term_key", "body_system"),
)
class CoreUnmappedTerms(Table):
    """Terms nobody has decided, in scope or without a class: the work list."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    term_key: str = column("Normalised term ('' where the row has none)")
    body_system: str = column("Class as written ('' where none is given)")
    events: pl.Int64 = column("Rows", ge=1)
    subjects: pl.Int64 = column("Subjects", ge=1)
    max_source_grade: pl.Int8 = column("Highest source grade", null="no row has a grade", ge=0, le=5)


@table(
    "core_incidence",
    grain="one study, window, estimate and threshold",
    key=("study_id", "window_days", "estimate", "threshold"),
)
class CoreIncidence(Table):
    """Subjects at or above a threshold, with exact confidence intervals and the denominator named."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    window_days: pl.Int32 = column("Last day of the window", ge=0)
    estimate: str = column(
        "icans_low, icans_point, icans_high, or source_broad, source_core, source_sponsor",
        isin=["icans_low", "icans_point", "icans_high", "source_broad", "source_core", "source_sponsor"],
    )
    threshold: pl.Int8 = column("Grade at or above which a subject counts; 1 is 'any'", ge=1, le=4)
    subjects: pl.Int64 = column("Subjects at or above the threshold", ge=0)
    subjects_unknown: pl.Int64 = column(
        "Subjects whose grade is not known (point null, not evaluable, source grade missing)", ge=0
    )
    denominator: pl.Int64 = column("Subjects the rate is of", ge=0)
    denominator_name: str = column("What the denominator counts")
    proportion: pl.Float64 = column(
        "subjects / denominator, 6 decimals", null="empty denominator", ge=0, le=1
    )
    ci_low: pl.Float64 = column(
        "Exact (Clopper-Pearson) 95 % lower limit, 6 decimals", null="empty denominator", ge=0, le=1
    )
    ci_high: pl.Float64 = column(
        "Exact (Clopper-Pearson) 95 % upper limit, 6 decimals", null="empty denominator", ge=0, le=1
    )


@table(
    "diff_scale_events",
    grain="one adverse-event row that is in a comparator set or can be ICANS",
    key=("study_id", "subject_id", "event_id"),
)
class DiffScaleEvents(Table):
    """Source grade against ICANS, event by event."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    event_id: str = column("Event identifier within the subject", origin="AESEQ")
    concept_id: str = column("Concept", null="unmapped")
    source_grade: pl.Int8 = column("Grade as recorded", null="missing or unreadable", ge=0, le=5)
    is_source_derived: bool = column("The grade stands for a severity word")
    low: pl.Int8 = column("ICANS low", ge=0, le=5)
    point: pl.Int8 = column("ICANS point", null=NO_POINT, ge=0, le=5)
    high: pl.Int8 = column("ICANS high", ge=0, le=5)
    change_low: str = column("Source grade to ICANS low", isin=list(CHANGES))
    change_point: str = column("Source grade to ICANS point", isin=list(CHANGES))
    change_high: str = column("Source grade to ICANS high", isin=list(CHANGES))


@table(
    "diff_scale_subjects",
    grain="one subject, comparator set and window, over all infusions",
    key=("study_id", "subject_id", "comparator_set", "window_days"),
)
class DiffScaleSubjects(Table):
    """Highest source grade of a neurotoxicity set against ICANS, subject by subject."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    comparator_set: str = column("Which events the source grade is taken over", isin=list(COMPARATOR_SETS))
    window_days: pl.Int32 = column("Last day of the window", ge=0)
    is_primary_window: bool = column("The window of the headline result")
    is_infused: bool = column("Counts in the denominator")
    source_grade: pl.Int8 = column(
        "Highest known source grade of the set in the window, 0 where no event",
        null="the set's only events have no grade",
        ge=0,
        le=5,
    )
    is_source_incomplete: bool = column("An event of the set has no readable grade")
    is_source_derived: bool = column("The grade stands for a severity word")
    low: pl.Int8 = column("ICANS low", ge=0, le=5)
    point: pl.Int8 = column("ICANS point", null=NO_POINT, ge=0, le=5)
    high: pl.Int8 = column("ICANS high", ge=0, le=5)
    outcome: str = column("ICANS outcome", isin=list(OUTCOMES))
    change_low: str = column("Source grade to ICANS low", isin=list(CHANGES))
    change_point: str = column("Source grade to ICANS point", isin=list(CHANGES))
    change_high: str = column("Source grade to ICANS high", isin=list(CHANGES))


@table(
    "diff_scale_thresholds",
    grain="one comparator set, window, estimate and threshold",
    key=("study_id", "comparator_set", "window_days", "estimate", "threshold", "crossing"),
)
class DiffScaleThresholds(Table):
    """Threshold crossings between source grade and ICANS, counted."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    comparator_set: str = column("Which events the source grade is taken over", isin=list(COMPARATOR_SETS))
    window_days: pl.Int32 = column("Last day of the window", ge=0)
    estimate: str = column("low, point or high", isin=["low", "point", "high"])
    threshold: pl.Int8 = column("Grade threshold; 1 is 'any'", ge=1, le=4)
    crossing: str = column("Direction", isin=list(CROSSINGS))
    subjects: pl.Int64 = column("Infused subjects", ge=0)
