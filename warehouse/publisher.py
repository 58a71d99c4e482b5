"""The one place that writes DuckDB: makes the warehouse file aside and swaps it in.

What may live here: whether the file is built whole or changed, proving it, sealing it. What may not: the SQL
(`warehouse.database_file`), results of any kind; the file holds what the run folders hold and can be deleted
at any time.

Every run is verified byte by byte when it enters the file; those that are in it already are vouched for by
the seal, against which the whole old file is held first. The new file is complete, proven and on the disk
before one rename puts it in place, so a reader sees the old file or the new one and never a half. The
ledger tells of it and the seal names it before that rename.

The same runs give the same content: every table, row, comment and view. Up to `MANY_ROWS` rows one worker
writes them, which on the same platform gives the same bytes too; so it does for any number of rows by
`regrade publish --rebuild`. More are written by all processors at once, in half the time. A file of more than
`file_digest.SMALL` bytes that is intact and mostly right is copied and the copy changed, so that the order of
rows without ORDER BY depends on what it held before; it is built whole again when the program, DuckDB or its
views changed, when more would come than stays, and when three tenths of it are empty.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from pipelines.home import Home
from schemas.errors import StoreError
from warehouse import file_digest
from warehouse.comparison_store import ComparisonStore, StoredComparison
from warehouse.database_file import Blank, Change, UnchangeableError, build, change, connect_blank
from warehouse.database_key import (
    PLAIN_STORAGE,
    DatabaseKey,
    is_encrypted,
    read_database_key,
    require_key_for,
    storage_version,
)
from warehouse.database_seal import (
    is_sealed,
    read_seal,
    require_plain_files,
    settle_seal,
    standing_sha256,
    write_seal,
)
from warehouse.ddl import ddl_text
from warehouse.disk import canonical_json, file_lock, flush, sha256_text
from warehouse.ledger import Note
from warehouse.reader import can_be_opened
from warehouse.run_store import RunStore, StoredRun
from warehouse.selection import Selection, select

STORAGE_VERSION: Final = PLAIN_STORAGE
MANY_ROWS: Final = 1_000_000
"""Rows, of all tables, that take longer to write than one wants to wait for the same bytes."""
_SAME: Final = ("duckdb", "storage", "ddl")
"""Parts of the content in which two files must agree before one can be made from the other."""
_NOT_COMPARED: Final = (*_SAME, "runs", "releases")
"""Parts of the content that are known before releases are compared."""


@dataclass(frozen=True)
class Publication:
    """What `publish` did. `created` is False when the file already held exactly this content.

    `run_ids` are the current runs, one for each study; `runs` counts those beside them too. `left_out`
    has a sentence for each thing that could not be published and what to do about it.
    """

    path: Path
    created: bool
    content_key: str
    run_ids: tuple[str, ...]
    runs: int
    left_out: tuple[str, ...]


def publish(
    home: Home,
    reason: str | None = None,
    *,
    rebuild: bool = False,
    compare: Callable[[], object] = lambda: None,
    blank: Blank = connect_blank,
) -> Publication:
    """Bring the DuckDB file to the chosen runs, releases and comparisons; does nothing when it is there.

    `reason` is what the ledger says why; `rebuild` makes the file whole and verifies every run, whatever is
    there. `compare` renews the comparisons, under the lock and before they are read; where the file has to
    be built whatever they say, the rows of runs that have few are written meanwhile. `blank` may give what
    `begin_blank` has begun. Tables exist even when no study has rows for them. Raises `StoreError`, leaving
    the old file as it is, when a run is damaged, when current runs disagree on the content of one mapping
    release, when a key is not unique, when there is no or another key for an encrypted file, or when the
    home cannot be written.
    """
    home.ensure()
    require_plain_files(home)
    with file_lock(home.runs / ".locks" / "publish.lock"):
        key = read_database_key()
        require_key_for(home.database, key)
        store = RunStore(home.runs, reason)
        return _Publishing(home, store, key, rebuild, blank).publish(compare)


@contextmanager
def begin_blank(home: Home) -> Iterator[Blank]:
    """Make the tables without rows in a thread, for a publication at the end of the block.

    In memory: nothing is left of them where there is none. Not begun for a file that will be changed.
    """
    if home.database.is_file() and home.database.stat().st_size > file_digest.SMALL:
        yield connect_blank
        return
    with ThreadPoolExecutor(1) as other:
        yield other.submit(connect_blank).result


def content_of(
    chosen: Selection, comparisons: Sequence[StoredComparison], storage: str = STORAGE_VERSION
) -> dict[str, Any]:
    """What a file holds: runs, releases, comparisons, the DDL and views, and which DuckDB writes it."""
    return {
        "duckdb": duckdb.__version__,
        "storage": storage,
        "ddl": sha256_text(ddl_text()),
        "runs": sorted([each.run.run_id, each.is_current, each.is_comparable] for each in chosen.runs),
        "releases": sorted([name, each.sha256, each.status] for name, each in chosen.releases.items()),
        "comparisons": sorted(
            [name, file.sha256] for stored in comparisons for name, file in stored.tables.items()
        ),
    }


def content_key(content: dict[str, Any]) -> str:
    """sha256 of the content, by which two files are known to hold the same."""
    return sha256_text(canonical_json(content))


class _Publishing:
    """One publication, under the lock."""

    def __init__(
        self, home: Home, store: RunStore, key: DatabaseKey | None, rebuild: bool, blank: Blank
    ) -> None:
        self.home, self.store, self.key, self.rebuild, self.blank = home, store, key, rebuild, blank
        self.seal = None if rebuild or not home.database.is_file() else read_seal(home)
        self.held: dict[str, Any] = dict(self.seal.content or {}) if self.seal else {}
        self.held_runs = {str(run[0]) for run in self.held.get("runs", ())}
        self.chosen = select(store, vouched=self.held_runs)
        self.current = tuple(each.run.run_id for each in self.chosen.runs if each.is_current)
        self.settle()

    def settle(self) -> None:
        """Take the comparisons that are there now."""
        releases = {name: release.sha256 for name, release in self.chosen.releases.items()}
        self.comparisons = ComparisonStore(self.home.runs).standing(releases, self.current)
        self.content = content_of(self.chosen, self.comparisons, storage_version(self.key))

    def publish(self, compare: Callable[[], object]) -> Publication:
        if not self.rebuild:
            self._require_same_key()
        for left_behind in self.home.root.glob(".publish-*"):  # by a process that was killed
            shutil.rmtree(left_behind, ignore_errors=True)
        if self._is_built_whatever_compares():
            with self._workshop() as built, self._started(built) as finish:
                compare()
                self.settle()
                self._put_in_place(built, finish)
            return self._done(created=True)
        compare()
        self.settle()
        if (
            self.seal is not None
            and self.seal.content_key == content_key(self.content)
            and is_sealed(self.home, self.seal.content_key, standing_sha256(self.home))
        ):
            settle_seal(self.home)  # a process may have been killed before it could
            return self._done(created=False)
        with self._workshop() as built:
            self._put_in_place(built, lambda: self._changed(built) or self._whole(built))
        return self._done(created=True)

    def _done(self, *, created: bool) -> Publication:
        content, runs = content_key(self.content), len(self.chosen.runs)
        return Publication(self.home.database, created, content, self.current, runs, self.chosen.left_out)

    @contextmanager
    def _workshop(self) -> Iterator[Path]:
        """Where the new file is made; its folder is gone at the end, whatever happens."""
        folder = Path(tempfile.mkdtemp(prefix=".publish-", dir=self.home.root))
        try:
            yield folder / self.home.database.name
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _put_in_place(self, built: Path, make: Callable[[], tuple[str, str | None]]) -> None:
        try:
            digest, standing = make()
        except (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException):
            # A full disk is any of these, depending on where it strikes.
            raise self._not_writable() from None
        facts = {
            "content_key": content_key(self.content),
            "file_sha256": digest,
            "studies": len(self.current),
        }
        entry = self.store.ledger.append(Note("published", facts))
        write_seal(self.home, self.content, digest, entry, standing)
        built.replace(self.home.database)
        flush(self.home.root)
        settle_seal(self.home)

    def _whole(self, built: Path) -> tuple[str, str | None]:
        """Build the file; returns its digest and that of the file that stands."""
        built.unlink(missing_ok=True)
        self._verify_held()
        workers = 1 if self.rebuild else _workers(each.run for each in self.chosen.runs)
        build(built, self.chosen, lambda: self.comparisons, self.key, self.blank, workers)
        return self._finished(built)

    @contextmanager
    def _started(self, built: Path) -> Iterator[Callable[[], tuple[str, str | None]]]:
        """`_whole` in a thread beside what the caller does; what it gives is called when that is done.

        DuckDB needs the interpreter hardly ever. A build that nobody finishes ends before its last tables.
        """
        self._verify_held()
        comparisons: Future[Sequence[StoredComparison]] = Future()

        def finish() -> tuple[str, str | None]:
            comparisons.set_result(self.comparisons)
            building.result()
            return self._finished(built)

        with ThreadPoolExecutor(1) as other:
            building = other.submit(build, built, self.chosen, comparisons.result, self.key, self.blank, 1)
            try:
                yield finish
            finally:
                comparisons.cancel()

    def _verify_held(self) -> None:
        """A file that is built whole vouches for nothing."""
        for each in self.chosen.runs:
            if each.run.run_id in self.held_runs:
                each.run.verify()

    def _finished(self, built: Path) -> tuple[str, str | None]:
        self._finish(built)
        return file_digest.file_digest(built), standing_sha256(self.home)

    def _changed(self, built: Path) -> tuple[str, str | None] | None:
        """Copy the file that stands and change the copy; None where the file has to be built whole."""
        what = self._change()
        if what is None or self.seal is None:
            return None
        with ThreadPoolExecutor(1) as other:  # proving takes as long as copying, and neither needs the other
            proving = other.submit(file_digest.block_digests, self.home.database)
            failure = self._change_copy(built, what)
            blocks = proving.result()
        standing = file_digest.digest_of(blocks, self.home.database.stat().st_size)
        if standing != self.seal.file_sha256 or isinstance(failure, UnchangeableError):
            return None
        if failure is not None:
            raise failure
        self._finish(built)
        return file_digest.digest_beside(built, self.home.database, blocks), standing

    def _change_copy(self, built: Path, what: Change) -> Exception | None:
        """Copy and change; returns what went wrong, which of a damaged file may be anything."""
        try:
            file_digest.copy_file(self.home.database, built)
            with ThreadPoolExecutor(1) as other:  # the disk is busy with the copy while rows are made
                flushing = other.submit(flush, built)
                workers = _workers(each.run for each in what.come)
                change(built, self.chosen, self.comparisons, what, self.key, workers)
                flushing.result()
        except OSError:
            return self._not_writable()
        except (StoreError, UnchangeableError, duckdb.Error) as failure:
            return failure
        return None

    def _is_built_whatever_compares(self) -> bool:
        """The file is built whole whatever the comparisons say, and one worker is enough for its rows."""
        known = all(self.held.get(part) == self.content[part] for part in _NOT_COMPARED)
        few = _workers(each.run for each in self.chosen.runs) == 1
        return few and not known and self._change() is None

    def _change(self) -> Change | None:
        """What has to change; None where the file that stands is no beginning."""
        if not self.held or any(self.held.get(part) != self.content[part] for part in _SAME):
            return None
        if self.home.database.stat().st_size <= file_digest.SMALL:
            return None
        wanted = {each.run.run_id: each for each in self.chosen.runs}
        come = [each for run_id, each in wanted.items() if run_id not in self.held_runs]
        if 2 * _rows(each.run for each in come) > _rows(each.run for each in wanted.values()):
            return None
        return Change(
            sorted(self.held_runs - wanted.keys()),
            come,
            releases=self.held["releases"] != self.content["releases"],
            comparisons=self.held["comparisons"] != self.content["comparisons"],
        )

    def _require_same_key(self) -> None:
        """A file of another key is replaced on request only: its readers have that key."""
        if is_encrypted(self.home.database) and not can_be_opened(self.home.database, self.key):
            raise StoreError(
                "the warehouse file is encrypted with another key",
                file=str(self.home.database),
                next_action="give its key, or write it anew with this one: regrade publish --rebuild",
            )

    def _finish(self, built: Path) -> None:
        built.chmod(0o600)
        flush(built)

    def _not_writable(self) -> StoreError:
        return StoreError(
            "the warehouse file cannot be written",
            file=str(self.home.database),
            next_action="make room and run regrade publish; the runs and the old file are safe",
        )


def _workers(runs: Iterable[StoredRun]) -> int:
    """How many are to write the rows of these runs."""
    return 1 if _rows(runs) <= MANY_ROWS else min(os.cpu_count() or 1, 8)


def _rows(runs: Iterable[StoredRun]) -> int:
    return sum(table.rows for run in runs for table in run.tables.values())
