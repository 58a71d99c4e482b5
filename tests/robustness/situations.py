"""Data homes before a command, what they are after it, and what must be true of one in between.

What may live here: preparing homes and judging them by files, the DuckDB file and `regrade status`. What may
not: starting or killing a process.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.home import Home
from pipelines.mapping_comparisons import renew_comparisons
from pipelines.stages import run_study
from schemas.errors import StoreError
from tests.end_to_end.homes import regrade
from tests.end_to_end.tiny_studies import write_tiny_study
from tests.robustness.processes import Undisturbed, run_undisturbed
from warehouse.database_seal import require_sealed, standing_sha256
from warehouse.ledger import Ledger
from warehouse.ledger_check import check_ledger
from warehouse.publisher import publish
from warehouse.run_store import RunStore

OUT = "out"
"""Folder of a home where a command is told to write."""
_APART = {".locks", ".work", "ledger.jsonl", "ledger.head"}
_TEMPORARY = (".publish-*", "**/.*.new", "**/*.new", "runs/.work/*/*", "runs/.mappings/.*")


@dataclass(frozen=True)
class Situation:
    """A command, the home it starts in and the home it leaves when nobody disturbs it.

    `contents` are what the published file may hold on the way; `changes` is False for a command that only
    looks.
    """

    name: str
    words: tuple[str, ...]
    before: Home
    after: Home
    changes: bool
    undisturbed: Undisturbed
    files_after: Mapping[str, str] = field(default_factory=dict)
    contents: tuple[str | None, ...] = ()

    def arguments(self, home: Home) -> list[str]:
        """The words of the command for a home."""
        return [word.replace("HOME", str(home.root)) for word in self.words]

    def finish(self, home: Home) -> str | None:
        """Call the command in this process; what it says when it does not succeed."""
        done = CliRunner().invoke(app, self.arguments(home), env={"COLUMNS": "200"})
        succeeds = (0, 1) if "preview" in self.words else (0,)  # 1: a preview that found a change
        return (
            None if done.exit_code in succeeds else f"it leaves with {done.exit_code}: {done.output[-400:]}"
        )


def copy_home(home: Home, root: Path) -> Home:
    """A copy of a whole home."""
    shutil.rmtree(root, ignore_errors=True)
    return Home(Path(shutil.copytree(home.root, root)))


def make_situations(root: Path, names: Collection[str] | None = None) -> list[Situation]:
    """The situations of the names, all of them when none is given."""
    landed = Home(root / "landed").ensure()
    write_tiny_study(landed, "TINY-A")
    whole = copy_home(landed, root / "whole")
    write_tiny_study(whole, "TINY-B", "2")
    for study in whole.studies():
        run_study(whole, study)
    renew_comparisons(whole)
    publish(whole)
    (whole.root / OUT).mkdir()
    changed = copy_home(whole, root / "changed")
    write_tiny_study(changed, "TINY-A", "1")
    unpublished = copy_home(changed, root / "unpublished")
    if names is None or "publish" in names:
        run_study(unpublished, "TINY-A")
    preview = "mappings preview 1.1.0 --against 1.0.0 --format html"
    known = {
        "first run": ("run --home HOME", landed, True),
        "changed study": ("run TINY-A --home HOME", changed, True),
        "publish": ("publish --home HOME", unpublished, True),
        "other release": ("run TINY-B --release 1.0.0 --home HOME", whole, True),
        "release check": ("mappings check", whole, False),
        "preview": (f"{preview} --output HOME/{OUT}/preview.html --home HOME", whole, False),
    }
    return [_finished(root, name, *known[name]) for name in known if names is None or name in names]


def _finished(root: Path, name: str, command: str, before: Home, changes: bool) -> Situation:
    after = copy_home(before, root / f"after {name}")
    words = tuple(command.split())
    bare = Situation(name, words, before, after, changes, Undisturbed((), 0.0))
    undisturbed = run_undisturbed(bare.arguments(after), root / "told")
    contents = (content_of(before), content_of(after))
    return Situation(name, words, before, after, changes, undisturbed, files_of(after), contents)


def files_of(home: Home) -> dict[str, str]:
    """sha256 of every file of the runs, the comparisons and the folder of outputs, by path."""
    found = {}
    for top in (home.runs, home.root / OUT):
        for path in sorted(top.rglob("*")) if top.is_dir() else ():
            parts = path.relative_to(home.root).parts
            if path.is_file() and not _APART & set(parts):
                found["/".join(parts)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def content_of(home: Home) -> str | None:
    """Digest of every row of every table of the published file; None where there is none."""
    if not home.database.exists():
        return None
    with duckdb.connect(str(home.database), read_only=True) as connection:
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' ORDER BY ALL"
        ).fetchall()
        rows = [
            (name, *connection.execute(f'SELECT count(*), sum(hash(t)) FROM "{name}" t').fetchall()[0])
            for (name,) in names
        ]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


# What must be true however a command ended


def faults_of(situation: Situation, home: Home) -> list[str]:
    """What is wrong with a home in which the command was interrupted; empty when nothing is."""
    faults = [*_database_faults(situation, home), *_run_faults(situation, home), *_ledger_faults(home)]
    faults += _status_faults(situation, home)
    if not situation.changes:
        left = {path: sha for path, sha in files_of(home).items() if "/.preview" not in path}
        if left not in (files_of(situation.before), situation.files_after):
            faults.append("a command that only looks changed the home, or left half an output")
    return faults


def finished_faults(situation: Situation, home: Home) -> list[str]:
    """What differs from the home that was never disturbed; empty when nothing does."""
    faults = faults_of(situation, home)
    got, wanted = files_of(home), situation.files_after
    faults += [
        f"{path}: not the bytes of an undisturbed run"
        for path in sorted(got.keys() | wanted.keys())
        if got.get(path) != wanted.get(path)
    ]
    if content_of(home) != situation.contents[1]:
        faults.append("the published content is not that of an undisturbed run")
    if situation.changes:
        left = [path for pattern in _TEMPORARY for path in home.root.glob(pattern)]
        faults += [f"{path.relative_to(home.root)}: left behind" for path in left]
        done = json.loads(regrade(home, "status", "--json").stdout)
        faults += [
            f"status says {study['study_id']} is {study['state']}, published {study['published']}"
            for study in done["studies"]
            if (study["state"], study["published"]) != ("up_to_date", True)
        ]
    return faults


def _database_faults(situation: Situation, home: Home) -> list[str]:
    if not home.database.exists():
        return [] if situation.contents[0] is None else ["the published file is gone"]
    try:
        require_sealed(home)
        content = content_of(home)
    except Exception as failure:  # whatever it is, the file cannot be opened
        return [f"the published file cannot be opened: {failure}"]
    return [] if content in situation.contents else ["the published file holds neither the old nor the new"]


def _run_faults(situation: Situation, home: Home) -> list[str]:
    """Every folder that is named as a run is whole, and every file in it is the undisturbed one."""
    faults = []
    whole = {**files_of(situation.before), **situation.files_after}
    for folder in _run_folders(home):
        name = folder.relative_to(home.root).as_posix()
        wanted = {path: sha for path, sha in whole.items() if path.startswith(f"{name}/")}
        got = {path: sha for path, sha in files_of(home).items() if path.startswith(f"{name}/")}
        if got != wanted or not got:
            faults.append(f"{name}: a folder that is taken for a run is not whole")
    store = RunStore(home.runs)
    for study in store.study_ids():
        try:
            current = store.current(study)
            if current is not None:
                current.verify()
                store.beside(current)
        except StoreError as failure:
            faults.append(f"{study}: {failure}")
    return faults


def _ledger_faults(home: Home) -> list[str]:
    ledger = Ledger(home.runs)
    checked = check_ledger(ledger)
    faults = [f"ledger: {problem.what}" for problem in checked.problems]
    entries = list(ledger.entries())
    told = {(entry.action, entry.facts.get("run_id")) for entry in entries}
    for folder in _run_folders(home):
        if ("created", folder.name) not in told:
            faults.append(f"the ledger does not tell of the run {folder.name}")
    for pointer in home.runs.glob("*/current"):
        if ("current_changed", pointer.read_text().strip()) not in told:
            faults.append(f"the ledger does not tell of the pointer of {pointer.parent.name}")
    published = {entry.facts["file_sha256"] for entry in entries if entry.action == "published"}
    if home.database.exists() and standing_sha256(home) not in published:
        faults.append("the ledger does not tell of the published file")
    return faults


def _status_faults(situation: Situation, home: Home) -> list[str]:
    """`regrade status` says what the disk says."""
    done = regrade(home, "status", "--json")
    if done.exit_code:
        return [f"status leaves with {done.exit_code}: {done.output[-400:]}"]
    answer = json.loads(done.stdout)
    published: dict[str, str] = {}
    if home.database.exists():
        with duckdb.connect(str(home.database), read_only=True) as connection:
            rows = connection.execute("SELECT study_id, run_id FROM core_runs WHERE is_current").fetchall()
            published = dict(rows)
    faults = []
    if (answer["database"]["state"] == "not built yet") == home.database.exists():
        faults.append(f"status says of the published file: {answer['database']['state']}")
    wanted = {study: _pointer(situation.after, study) for study in situation.after.studies()}
    for study in answer["studies"]:
        name = study["study_id"]
        pointer = _pointer(home, name)
        state = "never_run" if pointer is None else "up_to_date" if pointer == wanted[name] else "changed"
        said = (study["run_id"], study["state"], study["published"], study["error"])
        if said != (pointer, state, pointer is not None and published.get(name) == pointer, None):
            faults.append(f"status says of {name}: {said}; the disk says {state} {pointer}")
    if {study["study_id"] for study in answer["studies"]} != set(home.studies()):
        faults.append("status does not name the studies that have landed")
    return faults


def _run_folders(home: Home) -> list[Path]:
    """Folders that are named as runs of a study are."""
    return [path for path in home.runs.glob("*/" + "[0-9a-f]" * 64) if path.parent.name[0] != "."]


def _pointer(home: Home, study: str) -> str | None:
    path = home.runs / study / "current"
    return path.read_text().strip() if path.exists() else None
