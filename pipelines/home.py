"""The data home: the one folder under which landing, runs and the DuckDB file live.

What may live here: where things are and whether they can be written. What may not: what is in them.
Nothing is read from the environment or the disk at import.
"""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipelines.access import FILE_MODE, FOLDER_MODE, mending, open_to_others
from schemas.errors import StoreError
from schemas.vocabulary import STUDY_ID_PATTERN

ENVIRONMENT_VARIABLE: Final = "REGRADE_HOME"
PROJECT_NAME: Final = "icans-regrade"
MANIFEST_NAME: Final = "study.yaml"
_CODE_ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Home:
    """Paths of one data home. Making one touches nothing; `ensure` makes the folders."""

    root: Path

    @property
    def landing(self) -> Path:
        """Studies as they arrive, one folder each with a `study.yaml`."""
        return self.root / "landing"

    @property
    def runs(self) -> Path:
        """Immutable run folders, the current run of each study and the ledger."""
        return self.root / "runs"

    @property
    def database(self) -> Path:
        """The published DuckDB file."""
        return self.root / "icans.duckdb"

    @property
    def overlays(self) -> Path:
        """Private mapping overlays, one folder each with an `overlay.yaml`."""
        return self.root / "mappings"

    @property
    def meddra(self) -> Path:
        """MedDRA versions the site is licensed for, one folder each, as unpacked."""
        return self.root / "meddra"

    @property
    def reports(self) -> Path:
        """Pages of the studies, written after publishing; derived, without subject ids."""
        return self.root / "reports"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME: run history of the orchestrator; holds no results."""
        return self.root / ".dagster"

    def study_folder(self, study_id: str) -> Path:
        """Landing folder of a study. Raises `StoreError` for an id that is no plain folder name."""
        if not re.fullmatch(STUDY_ID_PATTERN, study_id):
            raise StoreError(
                "this is no study identifier",
                value=study_id,
                next_action="use letters, digits, '.', '_' and '-' only, as in the name of the study folder",
            )
        return self.landing / study_id

    def studies(self) -> tuple[str, ...]:
        """Ids of the landing folders that hold a manifest, sorted; other folders are no studies."""
        if not self.landing.is_dir():
            return ()
        return tuple(
            sorted(
                folder.name
                for folder in self.landing.iterdir()
                if re.fullmatch(STUDY_ID_PATTERN, folder.name) and _has_manifest(folder)
            )
        )

    def ensure(self) -> Home:
        """Make the folders, for their owner only, and prove that they can be written; returns itself.

        Raises `StoreError` naming the folder when the home is read-only or not a folder.
        """
        for folder in (self.root, self.landing, self.runs):
            try:
                folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            except OSError as failure:
                raise _not_writable(folder, failure) from None
        for folder in (self.root, self.runs):
            if not os.access(folder, os.W_OK | os.X_OK):
                raise _not_writable(folder, None)
        return self

    def require_outside(self, place: Path) -> Path:
        """The place as given, if what a user asks for may be written there.

        Raises `StoreError` for a place in landing, where a folder is a study and a file an input of one, or
        in runs, which holds what the program wrote and nothing else.
        """
        found = os.path.realpath(place)
        for folder in (self.landing, self.runs):
            if Path(found).is_relative_to(os.path.realpath(folder)):
                raise StoreError(
                    f"this place is inside {folder.name}/ of the data home, which is for "
                    f"{'studies' if folder == self.landing else 'runs'} only",
                    file=str(place),
                    next_action="name a place outside landing/ and runs/",
                )
        return place

    def exposed(self) -> str | None:
        """What others on this machine can read of what the program made, and the command that mends it.

        None where nothing is exposed. Landing is not looked at: its files are not the program's.
        """
        seal = self.database.with_name(self.database.name + ".json")
        open_ones = open_to_others((self.runs, self.database, seal, self.reports, self.dagster))
        if not open_ones:
            return None
        names = ", ".join(path.name for path in open_ones)
        return f"others on this machine can read {names} of the data home. Next: {mending(*open_ones)}"

    def ensure_dagster(self) -> Path:
        """Make DAGSTER_HOME with the shipped instance configuration; an edited one is left alone."""
        self.ensure()
        configuration = self.dagster / "dagster.yaml"
        try:
            self.dagster.mkdir(mode=FOLDER_MODE, exist_ok=True)
            if not configuration.exists():
                shutil.copyfile(Path(__file__).with_name("dagster.yaml"), configuration)
                configuration.chmod(FILE_MODE)
        except OSError as failure:
            raise _not_writable(self.dagster, failure) from None
        return self.dagster


def given_path(text: str | Path, named_by: str) -> Path:
    """A path as somebody gave it, `~` for a home. Raises `StoreError` where the system knows no such home."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise StoreError(
            "it names the home of a user the system does not know",
            file=named_by,
            value=str(text),
            next_action="write the path in full",
        ) from None


def resolve_home(option: str | Path | None = None) -> Home:
    """The data home: the option, else REGRADE_HOME, else `warehouse/` of the checkout this runs from.

    An installed copy has no default: it would write beside its code. Raises `StoreError` then, and
    when the chosen home is the folder of an installed copy.
    """
    chosen = option if option not in (None, "") else os.environ.get(ENVIRONMENT_VARIABLE, "").strip()
    if chosen:
        root = _resolved(given_path(chosen, "--home" if option else ENVIRONMENT_VARIABLE))
        if checkout_root() is None and root.is_relative_to(_CODE_ROOT / "warehouse"):
            raise StoreError(
                "the data home is inside the installed program",
                file=str(root),
                next_action=f"choose another folder with --home or {ENVIRONMENT_VARIABLE}",
            )
        return Home(root)
    checkout = checkout_root()
    if checkout is None:
        raise StoreError(
            "an installed copy has no data home of its own",
            next_action=f"name a folder with --home FOLDER or set {ENVIRONMENT_VARIABLE}",
        )
    return Home(checkout / "warehouse")


def home_if_any(option: str | Path | None = None) -> Home | None:
    """The data home for who can do without one; None where there is none that can be found."""
    try:
        return resolve_home(option)
    except StoreError:
        return None


def checkout_root() -> Path | None:
    """Root of the checkout this code runs from; None for an installed copy."""
    return _CODE_ROOT if project_version(_CODE_ROOT) is not None else None


def project_version(root: Path) -> str | None:
    """Version in the `pyproject.toml` of this project under `root`; None where there is none."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return None
    return str(project["version"]) if project.get("name") == PROJECT_NAME else None


def _has_manifest(folder: Path) -> bool:
    try:
        return (folder / MANIFEST_NAME).is_file()
    except OSError:  # nobody may look into it: whoever reads the manifest says so, of this study alone
        return True


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # the second of links to themselves, the third of a NUL
        raise StoreError(
            "the data home cannot be found: its path goes round in links or cannot be looked at",
            file=str(path),
            next_action=f"name another with --home or {ENVIRONMENT_VARIABLE}",
        ) from None


def _not_writable(folder: Path, failure: OSError | None) -> StoreError:
    why = f" ({failure.strerror})" if failure is not None and failure.strerror else ""
    return StoreError(
        f"the data home cannot be written{why}",
        file=str(folder),
        next_action=f"make the folder writable, or name another with --home or {ENVIRONMENT_VARIABLE}",
    )
