"""`regrade backfill`: every study in one Dagster run, and what became of it.

What may live here: the order of work and its messages. What may not: how studies are run
(`pipelines.engines.backfill`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from pipelines.cli.failures import FAILED, OK
from pipelines.cli.landing import select_studies
from pipelines.cli.output import print_json, say, visible
from pipelines.engines.backfill import run_backfill
from pipelines.home import resolve_home
from schemas.wording import counted


def run_many(home_option: str | None, asked: Sequence[str], processes: int, as_json: bool) -> int:
    """Run the studies asked for, or all, some at a time, and publish once.

    1 when any of them failed or could not be taken.
    """
    home = resolve_home(home_option)
    selected = select_studies(home, asked)
    studies = selected.studies
    number = counted(len(studies), "study")
    say(f"regrade: {number}, {processes} at a time; `regrade ui` shows how far they are")
    done = run_backfill(home, studies, processes)
    for study_id, failure in done.failures.items():
        say(f"regrade: {study_id} failed: {failure}")
    if done.stopped is not None:
        say(f"regrade: stopped: {done.stopped}")
    if as_json:
        left_out = [asdict(other) for other in selected.left_out]
        print_json(asdict(done) | {"left_out": left_out, "database": str(home.database)})
    else:
        succeeded = done.studies - len(done.failures)
        state = f"{counted(succeeded, 'study')} done, {len(done.failures)} failed"
        print(f"{state if done.stopped is None else 'not finished'}; Dagster run {done.dagster_run_id}")
        is_published = done.stopped is None
        print(
            f"warehouse  {visible(home.database) if is_published else 'not published, see the message above'}"
        )
    return OK if not done.failures and done.stopped is None and selected.is_whole else FAILED
