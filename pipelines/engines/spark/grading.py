"""What the driver does: shards chosen, work sent out, parts put together as the kernel does.

What may live here: plans of Spark jobs and the order of their results. What may not: clinical rules, what
a worker does (`workers`), how a run folder is written (the run store).

Tables are looked for as `<folder>/<table>.parquet`, a file or a directory of files, on any filesystem that
the session can read: a run folder, the checked stage of a study, or what `write_directories` wrote.
"""

# ruff: noqa: PLC0415 - pyspark is optional and slow to import
from __future__ import annotations

import functools
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from mappings.release import Release
from pipelines.engines.spark.session import plain_failures, relied_on, require_spark, spark_session
from pipelines.engines.spark.workers import (
    COUNTS,
    INPUT_TABLES,
    ORDER,
    RESULT_DDL,
    SPLIT_DDL,
    UNMAPPED,
    Inputs,
    grade_shards,
    program,
    spark_ddl,
    spark_schema,
    split_rows,
    unpack,
    unpack_table,
)
from pipelines.grading.kernel import BATCH_ROWS, Grader, combine_parts, finish_parts
from schemas.errors import RegradeError, StoreError
from schemas.frames import Frames
from schemas.frames import Sources as Tables
from schemas.manifest import StudyManifest
from schemas.registry import TABLES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_HEAVY: Final = ("core_adverse_events", "core_assessments")
"""Their rows are the work: shards are cut so that each has about as many."""
_ROWS_PER_SHARD: Final = 500_000
_ROWS_PER_FETCH: Final = 50_000
"""What so many rows give comes to the driver at a time: its Java holds that much, several times over."""
_SAMPLES_PER_SHARD: Final = 200


@dataclass(frozen=True)
class Sources:
    """Checked tables of one study as Spark sees them, by table name, and their rows of a subject."""

    tables: Mapping[str, DataFrame]
    rows: Mapping[str, int]


def open_sources(session: SparkSession, folder: str) -> Sources:
    """The checked tables under a folder or URL. Raises `StoreError` naming the first that is not there."""
    from pyspark.sql.functions import col, lit

    tables = {}
    for table in INPUT_TABLES:
        name = table.info().name
        path = f"{folder.rstrip('/')}/{name}.parquet"
        try:
            with plain_failures():
                tables[name] = session.read.parquet(path).select(*table.polars_schema())
        except RegradeError:
            raise StoreError(
                "the checked table is not there, or lacks a column of its schema",
                file=path,
                next_action="give the folder of a run, or of its checked stage, made by this version",
            ) from None
    named = [
        own.where(col("subject_id").isNotNull()).select(lit(name).alias("name"))
        for name, own in tables.items()
    ]
    counted = functools.reduce(lambda left, right: left.unionAll(right), named).groupBy("name").count()
    rows = dict.fromkeys(tables, 0) | {row["name"]: row["count"] for row in counted.collect()}
    return Sources(tables, rows)


def choose_bounds(sources: Sources, shards: int) -> list[str]:
    """Ids that cut the subjects into at most so many ranges of about as many rows, sorted.

    The ids stay in memory: no message, log or file holds them.
    """
    heavy = [name for name in _HEAVY if sources.rows[name]]
    total = sum(sources.rows[name] for name in heavy)
    if shards < 2 or not total:
        return []
    share = min(1.0, shards * _SAMPLES_PER_SHARD / total)
    sampled = sorted(
        row[0]
        for name in heavy
        for row in sources.tables[name].select("subject_id").sample(fraction=share, seed=1).collect()
    )
    cuts = {sampled[len(sampled) * place // shards] for place in range(1, shards)} if sampled else set()
    return sorted(cuts)


def default_shards(session: SparkSession, sources: Sources) -> int:
    """A shard for each core, and more where the work is large."""
    total = sum(sources.rows[name] for name in _HEAVY)
    return max(int(session.sparkContext.defaultParallelism), -(-total // _ROWS_PER_SHARD))


def split(session: SparkSession, sources: Sources, bounds: list[str]) -> DataFrame:
    """Rows of all tables as blocks of one table and shard, where they were read: nothing has moved yet."""
    blocks = None
    for name, table in sources.tables.items():
        if sources.rows[name]:
            own = table.mapInArrow(split_rows(name, bounds), SPLIT_DDL)
            blocks = own if blocks is None else blocks.unionAll(own)
    return session.createDataFrame([], SPLIT_DDL) if blocks is None else blocks


@dataclass(frozen=True)
class Graded:
    """Result blocks (RESULT_DDL) of so many shards, not computed before they are asked for."""

    blocks: DataFrame
    shards: int
    sources: Sources


def grade(
    session: SparkSession,
    sources: Sources,
    release: Release,
    manifest: StudyManifest,
    shards: int | None = None,
    batch_rows: int = BATCH_ROWS,
) -> Graded:
    """Plan the work: rows split by subject where they are read, one shuffle of blocks, shards graded."""
    if shards is not None and shards < 1:
        raise RegradeError("there must be a shard", value=str(shards), next_action="give --shards 1 or more")
    bounds = choose_bounds(sources, shards or default_shards(session, sources))
    inputs = session.sparkContext.broadcast(
        Inputs(release, manifest.model_dump_json(), batch_rows, program())
    )
    blocks = split(session, sources, bounds).repartitionById(len(bounds) + 1, "shard")
    return Graded(blocks.mapInArrow(grade_shards(lambda: inputs.value), RESULT_DDL), len(bounds) + 1, sources)


def stream(graded: Graded) -> Iterator[tuple[str, pl.DataFrame]]:
    """Result blocks in the order of tables and subjects, each with the name of its table.

    They come to the driver a part at a time. Raises `StoreError`, at the end, when the workers did not get
    every row exactly once.
    """
    from pyspark.sql.functions import expr

    groups = graded.shards * (COUNTS + 1)
    heavy = sum(graded.sources.rows[name] for name in _HEAVY)
    parts = max(1, min(groups, heavy // _ROWS_PER_FETCH))
    together = f"cast((cast(place as bigint) * {graded.shards} + shard) * {parts} div {groups} as int)"
    ordered = graded.blocks.repartitionById(parts, expr(together)).sortWithinPartitions(
        "place", "shard", "part"
    )
    counted: Counter[str] = Counter()
    for row in ordered.toLocalIterator():
        if row["place"] == COUNTS:
            counted.update(json.loads(bytes(row["content"])))
        else:
            yield ORDER[row["place"]], unpack(bytes(row["content"]))
    _require_all(counted, graded.sources)


def _require_all(counted: Mapping[str, int], sources: Sources) -> None:
    lost = [name for name, rows in sources.rows.items() if counted.get(name, 0) != rows]
    if lost:
        raise StoreError(
            f"the workers did not get every row of {', '.join(lost)} exactly once",
            next_action="run again; if it happens again, report this defect: nothing was stored",
        )


def stream_folder(
    session: SparkSession,
    folder: str,
    release: Release,
    manifest: StudyManifest,
    shards: int | None = None,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[Frames]:
    """What `grade_parts` gives, table after table instead of batch after batch: the next rows of one of them.

    `folder` is a URL of the session's filesystems.
    """
    nothing = {name: TABLES[name].empty() for name in ORDER}
    yield nothing  # every table is there, also where a study has no row for it
    with relied_on(session):
        with plain_failures():
            sources = open_sources(session, folder)
            blocks = stream(grade(session, sources, release, manifest, shards, batch_rows))
        while True:
            with plain_failures():
                found = next(blocks, None)
            if found is None:
                return
            name, rows = found
            yield nothing | {name: rows}


@contextmanager
def spark_grader(
    master: str | None = None, shards: int | None = None, shared: Path | None = None
) -> Iterator[Grader]:
    """The kernel on Spark, to be given to a run; one session for all runs, started by the first.

    Workers read the checked tables from a folder that is made under `shared` for as long as it takes: a path
    that driver and workers both see, needed only for a master that is not local.
    """
    session: SparkSession | None = None
    require_spark()
    with ExitStack() as closing:

        def on_spark(checked: Tables, release: Release, manifest: StudyManifest) -> Iterator[Frames]:
            nonlocal session
            if session is None:
                session = closing.enter_context(spark_session(master))
            _require_shared(session, shared)
            with tempfile.TemporaryDirectory(prefix="regrade-checked-", dir=shared) as folder:
                for table in INPUT_TABLES:
                    name = table.info().name
                    checked[name].lazy().sink_parquet(Path(folder) / f"{name}.parquet")
                parts = stream_folder(session, Path(folder).as_uri(), release, manifest, shards)
                yield from finish_parts(parts, checked, release, manifest)

        yield on_spark


def _require_shared(session: SparkSession, shared: Path | None) -> None:
    master = str(session.sparkContext.master)
    if shared is None and not master.startswith("local"):
        raise RegradeError(
            "the workers of this master cannot read a folder of this machine",
            value=master,
            next_action="name a folder that driver and workers share with --shared FOLDER",
        )


def write_directories(
    session: SparkSession,
    folder: str,
    release: Release,
    manifest: StudyManifest,
    out: str,
    shards: int | None = None,
) -> dict[str, int]:
    """Grade the checked tables of a folder into `<out>/<table>.parquet`, directories of ordered parts.

    Both are URLs of the session's filesystems. Part n holds the subjects of shard n in canonical order; a
    directory without `_SUCCESS` is not finished. Returns the rows of each table. Nothing large comes to the
    driver but core_subject_courses, which the study's medians are made from.
    """
    from pyspark import StorageLevel
    from pyspark.sql.functions import col

    with plain_failures(), relied_on(session):
        sources = open_sources(session, folder)
        graded = grade(session, sources, release, manifest, shards)
        kept = graded.blocks.persist(StorageLevel.DISK_ONLY)
        try:
            counted: Counter[str] = Counter()
            for row in kept.where(col("place") == COUNTS).select("content").collect():
                counted.update(json.loads(bytes(row["content"])))
            _require_all(counted, sources)
            rows = {name: counted[name] for name in ORDER if name != UNMAPPED}
            for name in rows:
                own = kept.where(col("place") == ORDER.index(name))
                ordered = own.repartitionById(graded.shards, "shard").sortWithinPartitions("shard", "part")
                ordered.mapInArrow(unpack_table(TABLES[name]), spark_ddl(TABLES[name])).write.parquet(
                    f"{out.rstrip('/')}/{name}.parquet"
                )
            of_study = _combine_study(kept, sources, release, manifest)
        finally:
            kept.unpersist()
        for name, frame in of_study.items():
            target = f"{out.rstrip('/')}/{name}.parquet"
            session.createDataFrame(
                frame.to_arrow().cast(spark_schema(TABLES[name])), spark_ddl(TABLES[name])
            ).coalesce(1).write.parquet(target)
            rows[name] = frame.height
    return rows


def _combine_study(
    blocks: DataFrame, sources: Sources, release: Release, manifest: StudyManifest
) -> dict[str, pl.DataFrame]:
    """The tables of the whole study, from the few columns and counts that they are made from."""
    from pyspark.sql.functions import col

    part = {name: TABLES[name].empty() for name in ORDER}
    for name in ("core_subject_courses", UNMAPPED):
        found = blocks.where(col("place") == ORDER.index(name)).select("content").collect()
        frames = [unpack(bytes(row["content"])) for row in found]
        part[name] = pl.concat(frames) if frames else part[name]
    checked = {
        "core_subjects": _counted(
            sources.tables["core_subjects"], "core_subjects", "is_in_subject_table", "is_infused"
        ),
        "core_adverse_events": pl.DataFrame(
            {"row": pl.repeat(None, sources.rows["core_adverse_events"], eager=True)}
        ),
        "core_rejected_rows": _counted(
            sources.tables["core_rejected_rows"], "core_rejected_rows", "table_name"
        ),
    }
    combined = combine_parts([part], checked, release, manifest)
    return {name: frame for name, frame in combined.items() if name not in ORDER or name == UNMAPPED}


def _counted(table: DataFrame, name: str, *columns: str) -> pl.DataFrame:
    """These columns of few values, of every row of a table, in no particular order."""
    schema = {column: dtype for column, dtype in TABLES[name].polars_schema().items() if column in columns}
    frames = [pl.DataFrame(schema=schema)]
    for row in table.groupBy(*columns).count().collect():
        one = pl.DataFrame([{column: row[column] for column in columns}], schema=schema)
        frames.append(one.select(pl.all().repeat_by(row["count"]).explode()))
    return pl.concat(frames)
