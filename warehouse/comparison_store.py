"""Comparisons of mapping releases that were computed and wait to be published.

What may live here: keeping, finding and forgetting them. What may not: computing one
(`pipelines.mapping_comparisons`), DuckDB.

    runs/.mappings/<key>/    about.json and one Parquet file per table; the key is the sha256 of the identity

They are derived and can be deleted at any time: a publication without them only lacks those rows. One
is published while what it compares stands: the releases by content and, where it is about one, the run.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from schemas.digest import canonical_digest
from schemas.errors import StoreError
from schemas.registry import MAPPING_DIFF_TABLES
from warehouse.disk import canonical_json, file_lock, sha256_file
from warehouse.run_store import TableFile, run_id_of, verified_path

ABOUT: Final = "about.json"
_TABLES: Final = {declared.info().name: declared for declared in MAPPING_DIFF_TABLES}


@dataclass(frozen=True)
class Compared:
    """What is compared: two releases, everywhere or in one run.

    `releases` are the contents, by id, that the comparison rests on; `run_id` and `study_id` are None
    for the releases themselves. `code` is the digest of the program that compares.
    """

    old_release_id: str
    new_release_id: str
    releases: Mapping[str, str]
    code: str
    run_id: str | None = None
    study_id: str | None = None

    @property
    def key(self) -> str:
        """sha256 over all of it."""
        return run_id_of(asdict(self))

    @property
    def place(self) -> tuple[str, str, str]:
        """Of two comparisons of the same place only one can be published."""
        return self.old_release_id, self.new_release_id, self.study_id or ""


@dataclass(frozen=True)
class StoredComparison:
    """A comparison that was kept, with its tables."""

    compared: Compared
    folder: Path
    tables: Mapping[str, TableFile]

    def path(self, name: str) -> Path:
        """File of a table, its bytes verified."""
        return verified_path(self.folder, self.tables[name])


class ComparisonStore:
    """Comparisons under one `runs` folder. Nothing here is a result that could be lost."""

    def __init__(self, runs: Path) -> None:
        self._root = runs / ".mappings"
        self._lock = runs / ".locks" / "mappings.lock"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Wait for, then hold, the right to write (across processes)."""
        with file_lock(self._lock):
            yield

    def find(self, compared: Compared) -> StoredComparison | None:
        """The comparison, if it was kept and is whole; None when it has to be computed."""
        return self._load(self._root / compared.key)

    def keep(self, compared: Compared, tables: Mapping[str, pl.DataFrame]) -> StoredComparison:
        """Write one comparison aside and put it in place by one rename.

        Raises `StoreError` where it cannot be written.
        """
        folder = self._root / compared.key
        building = self._root / f".{compared.key}"
        files = {}
        try:
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir(parents=True)
            for name, frame in sorted(tables.items()):
                path = building / f"{name}.parquet"
                frame.write_parquet(path, compression="zstd", statistics=True)
                digest = canonical_digest(frame)
                files[name] = TableFile(name, "mappings", path.name, frame.height, digest, sha256_file(path))
            about = {"compared": asdict(compared), "tables": [asdict(file) for file in files.values()]}
            (building / ABOUT).write_text(canonical_json(about) + "\n", encoding="utf-8")
            shutil.rmtree(folder, ignore_errors=True)
            building.rename(folder)
        except (OSError, pl.exceptions.ComputeError):
            raise StoreError(
                "the comparison cannot be written",
                file=str(self._root),
                next_action="check the free disk space and the permissions of the data home, then run again",
            ) from None
        return StoredComparison(compared, folder, files)

    def forget_others(self, kept: Collection[Compared]) -> None:
        """Delete every comparison but these."""
        names = {compared.key for compared in kept}
        for folder in self._root.iterdir() if self._root.is_dir() else ():
            if folder.name not in names:
                shutil.rmtree(folder, ignore_errors=True)

    def standing(self, releases: Mapping[str, str], run_ids: Collection[str]) -> list[StoredComparison]:
        """What may be published beside these contents of releases and these runs, in a fixed order."""
        found: dict[tuple[str, str, str], StoredComparison] = {}
        for folder in sorted(self._root.iterdir()) if self._root.is_dir() else ():
            stored = None if folder.name.startswith(".") else self._load(folder)
            if stored is None:
                continue
            compared = stored.compared
            stands = compared.run_id is None or compared.run_id in run_ids
            if stands and all(releases.get(name) == sha for name, sha in compared.releases.items()):
                found[compared.place] = stored
        return [found[place] for place in sorted(found)]

    @staticmethod
    def _load(folder: Path) -> StoredComparison | None:
        """None for what is not there, not whole or of another schema: it is computed again."""
        try:
            about: dict[str, Any] = json.loads((folder / ABOUT).read_bytes())
            compared = Compared(**about["compared"])
            files = {file["name"]: TableFile(**file) for file in about["tables"]}
            schemas = {
                name: dict(pl.read_parquet_schema(verified_path(folder, file)))
                for name, file in files.items()
            }
        except (OSError, ValueError, TypeError, KeyError, StoreError, pl.exceptions.PolarsError):
            return None
        fits = all(name in _TABLES and _TABLES[name].polars_schema() == had for name, had in schemas.items())
        return StoredComparison(compared, folder, files) if fits and compared.key == folder.name else None
