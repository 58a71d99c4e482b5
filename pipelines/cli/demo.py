"""`regrade demo`: the shipped studies, run, what regrading changes, and the report of both as a page."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import warehouse
from pipelines.access import close_to_others
from pipelines.cli.failures import FAILED, OK
from pipelines.cli.output import (
    SHORT,
    print_json,
    print_paragraph,
    print_table,
    records,
    release_line,
    say,
    visible,
)
from pipelines.cli.query import connect
from pipelines.cli.running import Outcome, publish_or_say, run_all
from pipelines.home import Home, resolve_home
from pipelines.report_pages import write_portfolio_page
from schemas.errors import RegradeError, StoreError
from schemas.wording import counted

SUMMARY: Final = """
WITH counted AS (
  SELECT run_id, study_id,
    max(i.subjects) FILTER (estimate = 'source_broad' AND threshold = 1) AS ctcae_any,
    max(i.subjects) FILTER (estimate = 'source_broad' AND threshold = 3) AS ctcae_3,
    max(i.subjects) FILTER (estimate = 'icans_low' AND threshold = 1) AS low_any,
    max(i.subjects) FILTER (estimate = 'icans_low' AND threshold = 3) AS low_3,
    max(i.subjects) FILTER (estimate = 'icans_point' AND threshold = 1) AS point_any,
    max(i.subjects) FILTER (estimate = 'icans_point' AND threshold = 3) AS point_3,
    max(i.subjects) FILTER (estimate = 'icans_high' AND threshold = 1) AS high_any,
    max(i.subjects) FILTER (estimate = 'icans_high' AND threshold = 3) AS high_3
  FROM core_incidence i JOIN core_studies USING (run_id, study_id)
  WHERE window_days = primary_window_days
  GROUP BY run_id, study_id
), changed AS (
  SELECT run_id, study_id,
    count(*) FILTER (change_point = 'to_zero') AS to_zero,
    count(*) FILTER (change_point = 'up') AS up,
    count(*) FILTER (outcome = 'INDETERMINATE') AS indeterminate
  FROM diff_scale_subjects
  WHERE comparator_set = 'broad' AND is_primary_window AND is_infused
  GROUP BY run_id, study_id
), assessed AS (
  SELECT run_id, study_id,
    count(*) FILTER (assessments > 0) AS subjects,
    count(*) FILTER (events_alone_low = 0 AND events_alone_high > 0) AS indeterminate_alone,
    count(*) FILTER (events_alone_low < events_alone_high AND low = high) AS closed,
    count(*) FILTER (low < high AND high - low < events_alone_high - events_alone_low) AS narrowed
  FROM core_subject_grades
  WHERE infusion_number = 0 AND is_primary_window AND is_infused AND outcome <> 'NOT_EVALUABLE'
  GROUP BY run_id, study_id
), contradicted AS (
  SELECT run_id, study_id, count(*) AS statements FROM core_contradictions GROUP BY run_id, study_id
), unmapped AS (
  SELECT run_id, study_id, count(*) AS terms FROM core_unmapped_terms GROUP BY run_id, study_id
)
SELECT study_id AS study, s.subjects_infused AS subjects, s.ae_rows_read AS events,
  c.ctcae_any AS "CTCAE any", c.ctcae_3 AS "CTCAE >=3",
  c.low_any AS "low any", c.low_3 AS "low >=3",
  c.point_any AS "point any", c.point_3 AS "point >=3",
  c.high_any AS "high any", c.high_3 AS "high >=3",
  coalesce(d.to_zero, 0) AS "to zero", coalesce(d.up, 0) AS up,
  coalesce(a.subjects, 0) AS assessed,
  coalesce(a.indeterminate_alone, 0) AS "indeterminate by events alone",
  coalesce(d.indeterminate, 0) AS indeterminate,
  coalesce(a.closed, 0) AS "closed by assessments",
  coalesce(a.narrowed, 0) AS "narrowed by assessments",
  coalesce(x.statements, 0) AS contradictions,
  s.ae_rows_rejected AS rejected, coalesce(u.terms, 0) AS unmapped
FROM core_studies s
JOIN core_runs r USING (run_id, study_id)
LEFT JOIN counted c USING (run_id, study_id)
LEFT JOIN changed d USING (run_id, study_id)
LEFT JOIN assessed a USING (run_id, study_id)
LEFT JOIN contradicted x USING (run_id, study_id)
LEFT JOIN unmapped u USING (run_id, study_id)
WHERE r.is_current AND list_contains(?, study_id)
ORDER BY study_id
"""
LEGEND: Final = (
    "Infused subjects in the primary window. CTCAE: highest grade over nervous and psychiatric events; low, "
    "point, high: ICANS; to zero and up: CTCAE to ICANS point; assessed: subjects with ICE, CAPD or another "
    "bedside assessment in the window; indeterminate: low 0, high above 0, by events alone and with "
    "assessments; closed: low below high by events alone, now one grade; narrowed: fewer grades, not one; "
    "contradictions: pairs of statements that cannot both hold; events: rows read; rejected: event rows that "
    "could not be used; unmapped: terms that nobody has decided."
)


def run_demo(home_option: str | None, as_json: bool) -> int:
    """Run the shipped studies and print the summary; 1 when one fails or nothing could be published."""
    home = resolve_home(home_option)
    studies = land_shipped_studies(home, shipped_landing())
    outcomes = run_all(home, studies)
    published, is_sound = publish_or_say(home)
    failed = not is_sound or any(outcome.error for outcome in outcomes)
    if published is not None:
        named = [outcome.study_id for outcome in outcomes if not outcome.error]
        report = _write_report(home, named) if named else None
        failed = failed or report is None
        _print_summary(home, outcomes, report, as_json)
    return FAILED if failed else OK


def _write_report(home: Home, studies: Sequence[str]) -> Path | None:
    """The page of these studies; None, with a message, where it cannot be made: the summary still stands."""
    try:
        return write_portfolio_page(home, studies).page
    except RegradeError as failure:
        say(f"regrade: {failure}")
        return None


def shipped_landing() -> Path:
    """Folder of the studies that ship with the program. Raises `StoreError` when the copy has none."""
    folder = Path(warehouse.__file__).resolve().parent / "landing"
    if not folder.is_dir():
        raise StoreError(
            "this copy of the program ships no studies",
            file=str(folder),
            next_action="install it again, or put a study in the landing folder and use regrade run",
        )
    return folder


def land_shipped_studies(home: Home, shipped: Path) -> list[str]:
    """Ids of the shipped studies, copied into the landing folder of a home that has no study yet.

    Raises `StoreError` for a home that has other studies and not these: a demo does not mix them.
    """
    names = sorted(folder.name for folder in shipped.iterdir() if (folder / "study.yaml").is_file())
    if home.landing.resolve() == shipped.resolve() or set(names) <= set(home.studies()):
        return names
    own = [name for name in home.studies() if name not in names]
    if own:
        raise StoreError(
            f"the data home has {counted(len(own), 'study')} of its own, "
            "and the demo studies would be mixed with them",
            file=str(home.landing),
            next_action="name a fresh folder: regrade demo --home FOLDER",
        )
    home.ensure()
    for name in names:
        if (home.landing / name).exists():
            continue
        # Copied aside and renamed, so that an interrupted copy is never taken for a study.
        aside = Path(tempfile.mkdtemp(prefix=".demo-", dir=home.landing))
        try:
            shutil.copytree(shipped / name, aside / name, copy_function=shutil.copyfile)
            close_to_others(aside / name)
            (aside / name).rename(home.landing / name)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return names


def _print_summary(home: Home, outcomes: Sequence[Outcome], report: Path | None, as_json: bool) -> None:
    with connect(home) as connection:
        connection.execute(SUMMARY, [[outcome.study_id for outcome in outcomes]])
        columns = [column[0] for column in connection.description or ()]
        rows = connection.fetchall()
        releases = connection.execute(
            "SELECT DISTINCT s.mapping_release_id, s.mapping_review_status FROM core_studies s "
            "JOIN core_runs r USING (run_id, study_id) WHERE r.is_current ORDER BY ALL"
        ).fetchall()
    lines = [release_line(str(release), str(status)) for release, status in releases]
    if as_json:
        print_json(
            {
                "summary": records(columns, rows),
                "studies": [asdict(outcome) for outcome in outcomes],
                "database": str(home.database),
                "report": None if report is None else str(report),
                "mapping_releases": lines,
            }
        )
        return
    # Studies side by side: twenty columns would not fit a terminal.
    print_table(columns[:1] + [row[0] for row in rows], list(zip(columns, *rows, strict=True))[1:])
    print()
    print_paragraph(LEGEND)
    print()
    print(f"database  {visible(home.database)}")
    for outcome in outcomes:
        if outcome.folder is not None and outcome.run_id is not None:
            print(
                f"run       {visible(outcome.folder)} "
                f"({outcome.study_id} {outcome.run_id[:SHORT]}, {outcome.state})"
            )
    for line in lines:
        print(line)
    if report is not None:
        print(f"report    {visible(report)}")
    if any(outcome.error for outcome in outcomes):
        say("regrade: a study failed; its row, if any, is from an earlier run")
