"""`regrade status`: the run of each study, whether its inputs changed, other folders, the file, the ledger.

What may live here: looking and printing. What may not: repairing. Every byte of every current run and of the
DuckDB file is hashed: a file that changed under the program is named here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import duckdb

from pipelines.cli.failures import FAILED, OK, describe
from pipelines.cli.landing import other_folders
from pipelines.cli.ledger_show import check_home
from pipelines.cli.output import SHORT, print_json, print_table, visible
from pipelines.cli.query import connect
from pipelines.home import Home, resolve_home
from pipelines.stages import plan_run
from schemas.errors import RegradeError, StoreError
from schemas.wording import counted
from warehouse.ledger_check import LedgerCheck
from warehouse.run_store import RunStore


@dataclass(frozen=True)
class StudyState:
    """`state`: up_to_date, changed, never_run, not_in_landing or error; `error` says why.

    `published` is None where the DuckDB file cannot be read, so that nobody knows.
    `release_id` is that of the current run, `other_releases` those of the runs kept beside it.
    """

    study_id: str
    state: str
    run_id: str | None
    published: bool | None
    error: str | None
    release_id: str | None = None
    other_releases: tuple[str, ...] = ()


_WORDS = {
    "up_to_date": "up to date",
    "changed": "changed since: run it again",
    "never_run": "never run",
    "not_in_landing": "run kept; no longer in landing",
    "error": "an error: see below",
}


def run_status(home_option: str | None, as_json: bool) -> int:
    """Print the state of every study; 1 when something is damaged or cannot be planned: messages say why."""
    home = resolve_home(home_option)
    runs, database = _database(home)
    states = study_states(home, runs)
    others = other_folders(home)
    ledger, ledger_words = _ledger(home)
    if as_json:
        print_json(
            {
                "home": str(home.root),
                "studies": [asdict(state) for state in states],
                "other_folders": [asdict(other) for other in others],
                "database": {"path": str(home.database), **asdict(database)},
                "ledger": None if ledger is None else asdict(ledger),
            }
        )
    else:
        print(f"home       {visible(home.root)}")
        print(f"warehouse  {visible(home.database)}: {database.state}")
        print(f"ledger     {ledger_words}")
        if states:
            print_table(
                ("study", "run", "release", "beside it", "state", "in warehouse"),
                [_line(state) for state in states],
            )
        else:
            print(
                f"no study in {visible(home.landing)}. Next: put a folder of tables there and run "
                "regrade init FOLDER, or try regrade demo"
            )
        for state in states:
            if state.error is not None:
                print(f"{state.study_id}: {visible(state.error)}")
        for other in others:
            print(visible(other))
        if database.error is not None:
            print(visible(database.error))
    is_broken = ledger is None or ledger.state == "broken" or database.error is not None
    is_left_out = any(other.has_manifest for other in others)
    return FAILED if is_broken or is_left_out or any(state.error for state in states) else OK


def _line(state: StudyState) -> tuple[object, ...]:
    beside = ", ".join(state.other_releases) or None
    run = state.run_id and state.run_id[:SHORT]
    return state.study_id, run, state.release_id, beside, _WORDS[state.state], state.published


def study_states(home: Home, published: dict[str, str] | None) -> list[StudyState]:
    """State of every study that is in landing or has a run; `published` is study to run id, None: unknown."""
    store = RunStore(home.runs)
    landed = set(home.studies())
    states = []
    for study_id in sorted(landed | set(store.study_ids())):
        run_id, error, state = None, None, "not_in_landing"
        release_id: str | None = None
        others: tuple[str, ...] = ()
        try:
            current = store.current(study_id)
            if current is not None:
                run_id, release_id = current.run_id, current.release_id
                beside = store.beside(current)
                others = tuple(run.release_id for run in beside)
                for run in (current, *beside):
                    run.verify()
            if study_id in landed:
                planned = plan_run(home, study_id).run_id
                state = "never_run" if run_id is None else "up_to_date" if planned == run_id else "changed"
        except (RegradeError, OSError) as failure:  # a folder that may not be looked into hides no other
            error, state = describe(failure), "error"
        states.append(
            StudyState(
                study_id,
                state,
                run_id,
                None if published is None else run_id is not None and published.get(study_id) == run_id,
                error,
                release_id,
                others,
            )
        )
    return states


@dataclass(frozen=True)
class DatabaseState:
    """`state` in words; `error` is null unless the file cannot be read or is not what was published."""

    state: str
    error: str | None = None


def _database(home: Home) -> tuple[dict[str, str] | None, DatabaseState]:
    """Current run by study in the published file (None where it cannot be read), and how it is."""
    if not home.database.is_file():
        return {}, DatabaseState("not built yet")
    try:
        with connect(home) as connection:
            runs = dict(
                connection.execute("SELECT study_id, run_id FROM core_runs WHERE is_current").fetchall()
            )
    except StoreError as failure:  # says itself what to do: publishing helps nobody who lacks the key
        return None, DatabaseState("cannot be read", str(failure))
    except duckdb.Error:
        error = f"{home.database}: it holds no table of runs. Next: run regrade publish: it builds it again"
        return None, DatabaseState("cannot be read", error)
    return runs, DatabaseState(f"{counted(len(runs), 'study')}, {home.database.stat().st_size / 1e6:.1f} MB")


def _ledger(home: Home) -> tuple[LedgerCheck | None, str]:
    """The checked ledger (None where it cannot be read) and a line about it."""
    try:
        found = check_home(home)
    except StoreError as failure:
        return None, visible(failure)
    if found.state == "broken":
        first = found.problems[0]
        place = "" if first.line is None else f"line {first.line}: "
        return found, visible(f"BROKEN: {place}{first.what}. Next: regrade ledger check")
    return found, "none yet" if found.state == "absent" else f"{counted(found.entries, 'entry')}, intact"
