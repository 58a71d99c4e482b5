"""`regrade run` and `regrade publish`: run what is asked, keep going, publish what succeeded.

What may live here: order of work and its messages. What may not: what a run does (`pipelines.stages`)
or how the file is built (`warehouse.publisher`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mappings.loader import list_releases
from pipelines.cli.failures import FAILED, OK, describe, nearest
from pipelines.cli.landing import select_studies
from pipelines.cli.output import SHORT, print_json, print_table, progress, say, visible
from pipelines.grading.kernel import Grader, stream_study
from pipelines.home import Home, resolve_home
from pipelines.mapping_comparisons import renew_comparisons
from pipelines.stages import run_study
from schemas.errors import RegradeError, StoreError
from schemas.wording import counted
from warehouse.database_file import Blank, connect_blank
from warehouse.publisher import Publication, begin_blank, publish


@dataclass(frozen=True)
class Outcome:
    """How one study went: `state` is new, unchanged or failed; `error` is None unless it failed.

    `is_current` is False for a run that is kept beside the one that stands for the study.
    """

    study_id: str
    state: str
    run_id: str | None
    folder: str | None
    error: str | None
    release_id: str | None = None
    is_current: bool | None = None


def run_studies(
    home_option: str | None,
    asked: Sequence[str],
    as_json: bool,
    release_id: str | None = None,
    reason: str | None = None,
    grader: Grader = stream_study,
) -> int:
    """Run the studies asked for, or all, then publish; 1 when any study failed or could not be taken.

    `release_id` is the mapping release to run them under; None is each study's own. `reason` is what the
    ledger says why; `grader` executes the kernel.
    """
    home = resolve_home(home_option)
    if release_id is not None:
        _require_release(release_id)
    selected = select_studies(home, asked)
    with begin_blank(home) as blank:
        outcomes = run_all(home, selected.studies, release_id, reason, grader)
        published, is_sound = publish_or_say(home, reason, blank)
    if as_json:
        print_json(
            {
                "studies": [asdict(outcome) for outcome in outcomes],
                "left_out": [asdict(other) for other in selected.left_out],
                "database": published,
            }
        )
    else:
        print_outcomes(outcomes)
        print(f"warehouse  {visible(published or 'not published, see the message above')}")
    is_done = selected.is_whole and all(outcome.error is None for outcome in outcomes)
    return OK if is_sound and is_done else FAILED


def run_on_spark(
    home_option: str | None,
    asked: Sequence[str],
    *,
    as_json: bool = False,
    release_id: str | None = None,
    reason: str | None = None,
    master: str | None = None,
    shards: int | None = None,
    shared: Path | None = None,
) -> int:
    """`run_studies` with the kernel executed on Spark: the same runs, the same bytes."""
    from pipelines.engines.spark.grading import spark_grader  # noqa: PLC0415 - an optional extra

    with spark_grader(master, shards, shared) as grader:
        return run_studies(home_option, asked, as_json, release_id, reason, grader)


def run_all(
    home: Home,
    studies: Sequence[str],
    release_id: str | None = None,
    reason: str | None = None,
    grader: Grader = stream_study,
) -> list[Outcome]:
    """Run each study; a failure is reported at once and stops no other study."""
    outcomes = []
    with progress(len(studies)) as (show, advance):
        for study_id in studies:
            outcomes.append(_run_one(home, study_id, release_id, reason, grader, show))
            advance()
    for outcome in outcomes:
        if outcome.error is not None:
            say(f"regrade: {outcome.study_id} failed: {outcome.error}")
    return outcomes


def _run_one(
    home: Home,
    study_id: str,
    release_id: str | None,
    reason: str | None,
    grader: Grader,
    show: Callable[[str], None],
) -> Outcome:
    show(study_id)
    try:
        result = run_study(
            home,
            study_id,
            release_id=release_id,
            progress=lambda stage: show(f"{study_id}: {stage}"),
            reason=reason,
            grader=grader,
        )
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as failure:  # a panic of a native library is a BaseException
        return Outcome(study_id, "failed", None, None, describe(failure))
    return Outcome(
        study_id,
        "new" if result.created else "unchanged",
        result.run_id,
        str(result.folder),
        None,
        result.release_id,
        result.is_current,
    )


def _require_release(release_id: str) -> None:
    """One message for a mistyped release, not one for each study."""
    known = list_releases()
    if release_id not in known:
        raise RegradeError(
            f"no such mapping release{nearest(release_id, known)}",
            value=release_id,
            next_action=f"name one of: {', '.join(known)}",
        )


def publish_or_say(
    home: Home, reason: str | None = None, blank: Blank = connect_blank
) -> tuple[str | None, bool]:
    """Path of the published file and whether all it is made from is sound; `blank` as `publish` has it.

    None, after a message, when it cannot be built (the old one stays).
    """
    try:
        done, is_sound = publish_with_comparisons(home, reason, blank=blank)
        return str(done.path), is_sound
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as failure:  # what was run must still be reported
        say(f"regrade: not published: {describe(failure)}")
        return None, False


def publish_with_comparisons(
    home: Home, reason: str | None = None, *, rebuild: bool = False, blank: Blank = connect_blank
) -> tuple[Publication, bool]:
    """Renew what compares releases, publish, and say what had to be left out.

    The second value is False where a stored run is damaged: comparing verifies every run, while a file that
    holds the run already is published without reading it again. Raises what `publish` raises. A comparison
    that fails is a message: nothing waits for it.
    """
    found: list[tuple[tuple[str, ...], bool]] = []
    done = publish(home, reason, rebuild=rebuild, compare=lambda: found.append(_compare(home)), blank=blank)
    ((failures, is_sound),) = found
    for failure in failures:
        say(f"regrade: mapping releases not compared: {failure}")
    for why in done.left_out:
        say(f"regrade: not published: {why}")
    if (exposed := home.exposed()) is not None:
        say(f"regrade: {exposed}")
    return done, is_sound


def _compare(home: Home) -> tuple[tuple[str, ...], bool]:
    """Renew what compares releases: what went wrong, and whether every stored run is as it was written."""
    try:
        return renew_comparisons(home).failures, True
    except StoreError as damage:
        return (str(damage),), False
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as fault:  # a panic of a native library is a BaseException
        return (describe(fault),), True


def run_publish(
    home_option: str | None, as_json: bool, reason: str | None = None, *, rebuild: bool = False
) -> int:
    """Bring the DuckDB file to the runs; 1 when it cannot be written or a stored run is damaged."""
    done, is_sound = publish_with_comparisons(resolve_home(home_option), reason, rebuild=rebuild)
    if as_json:
        print_json(
            {
                "database": str(done.path),
                "created": done.created,
                "run_ids": list(done.run_ids),
                "runs": done.runs,
                "left_out": list(done.left_out),
            }
        )
    else:
        state = "published" if done.created else "already up to date"
        content = f"{counted(len(done.run_ids), 'study')}, {counted(done.runs, 'run')}"
        print(f"{state}: {visible(done.path)} ({content})")
    return OK if is_sound else FAILED


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """One line per study: run id, mapping release and whether the run is new."""
    print_table(
        ("study", "run", "release", "state"),
        [(o.study_id, o.run_id and o.run_id[:SHORT], o.release_id, _state(o)) for o in outcomes],
    )
    if any(outcome.is_current is False for outcome in outcomes):
        print(
            "kept beside: see out_subject_grades_by_release; `mapping_release` in study.yaml makes a "
            "release the study's own"
        )


def _state(outcome: Outcome) -> str:
    return f"{outcome.state}, kept beside the current run" if outcome.is_current is False else outcome.state
