"""What runs in Spark's Python workers: rows split by subject, shards graded.

What may live here: Arrow in, Arrow out, and the guard that keeps data out of messages. What may not:
clinical rules, pyspark (functions here take and give record batches only), files.

Rows travel as Arrow IPC blocks of one table and one shard: few large cells, which a shuffle moves at the
cost of their bytes. A shard is a range of subjects; what it gives does not depend on the order in which
its blocks arrive, since every table is brought into its canonical order first.
"""

from __future__ import annotations

import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]

from mappings.release import Release
from pipelines.code_identity import code_sha256
from pipelines.grading.kernel import OF_SUBJECT, grade_parts
from schemas.base import Table
from schemas.errors import RegradeError, SchemaError
from schemas.manifest import StudyManifest
from schemas.registry import CHECKED_TABLES, TABLES

Batches: TypeAlias = Iterator[pa.RecordBatch]
Work: TypeAlias = Callable[[Batches], Batches]

MARK: Final = "regrade-worker:"
"""Stands before the JSON of a failure in the message of a worker."""
INPUT_TABLES: Final = tuple(table for table in CHECKED_TABLES if "subject_id" in table.polars_schema())
"""Checked tables whose rows belong to subjects."""
UNMAPPED: Final = "core_unmapped_terms"
"""Comes as parts too, to be summed."""
ORDER: Final = (*(table.info().name for table in OF_SUBJECT), UNMAPPED)
"""Results by name; the place of a table in the stream of results."""
COUNTS: Final = len(ORDER)
"""Place of the counts of a shard in that stream: rows of each table that went in and came out."""
SPLIT_DDL: Final = "shard int, table_name string, content binary"
RESULT_DDL: Final = "place int, shard int, part int, content binary"
_SPLIT_SCHEMA: Final = pa.schema(
    [("shard", pa.int32()), ("table_name", pa.string()), ("content", pa.binary())]
)
_RESULT_SCHEMA: Final = pa.schema(
    [("place", pa.int32()), ("shard", pa.int32()), ("part", pa.int32()), ("content", pa.binary())]
)
_BLOCK_ROWS: Final = 50_000
"""Rows of one result block: some megabytes."""
_MOST_SLICES: Final = 10_000
"""Blocks of one table that a part can have: numbers of parts leave room for them."""


@dataclass(frozen=True)
class Inputs:
    """What every worker needs, sent to it once: release, manifest, and what made the driver."""

    release: Release
    manifest_json: str
    batch_rows: int
    program: tuple[str, str]


def program() -> tuple[str, str]:
    """Digest of the pure rooms and version of polars: the same on driver and workers, or no result."""
    return code_sha256(), pl.__version__


class WorkerFailure(Exception):  # noqa: N818 - it is what Spark shows, not what a user sees
    """A failure in a worker, in words without data."""


def guarded(work: Work) -> Work:
    """Work whose failures say what and where to go on, never a cell: Spark logs and ships their text."""

    def run(batches: Batches) -> Batches:
        try:
            yield from work(batches)
        except GeneratorExit:
            raise
        except RegradeError as failure:
            raise WorkerFailure(_marked(failure.what, failure.next_action)) from None
        except BaseException as failure:  # its words may quote a cell; so may those of a native panic
            what = f"unexpected {type(failure).__name__} in a worker"
            raise WorkerFailure(_marked(what, "run the study with the local engine and report it")) from None

    return run


def _marked(what: str, next_action: str) -> str:
    return f"{MARK}{json.dumps({'what': what, 'next_action': next_action})}"


def failure_of(text: str) -> RegradeError | None:
    """The failure that a worker put into a message of Spark; None where it holds none."""
    _, found, rest = text.partition(MARK)
    if not found:
        return None
    try:
        said = json.JSONDecoder().raw_decode(rest)[0]
        return RegradeError(str(said["what"]), next_action=str(said["next_action"]))
    except (ValueError, KeyError, TypeError):
        return None


def split_rows(table_name: str, bounds: Sequence[str]) -> Work:
    """Rows of one checked table as blocks of one shard each; a row of no subject belongs to none.

    A subject is in shard n when n of the sorted `bounds` are not above its id, in the order of UTF-8.
    """

    def work(batches: Batches) -> Batches:
        table = TABLES[table_name]
        limits = pl.Series(bounds, dtype=pl.String)
        for batch in batches:
            frame = _typed(batch, table).filter(pl.col("subject_id").is_not_null())
            if frame.is_empty():
                continue
            # The column cannot collide with one of the table: no schema declares it.
            shards = limits.search_sorted(frame["subject_id"], side="right").cast(pl.Int32)
            for (shard,), rows in frame.with_columns(shards.alias("_shard")).group_by("_shard"):
                yield pa.RecordBatch.from_pylist(
                    [{"shard": shard, "table_name": table_name, "content": pack(rows.drop("_shard"))}],
                    schema=_SPLIT_SCHEMA,
                )

    return guarded(work)


def grade_shards(inputs: Callable[[], Inputs]) -> Work:
    """Blocks of whole shards in, blocks of results out, with the row counts of each shard."""

    def work(batches: Batches) -> Batches:
        given = inputs()
        if given.program != program():
            raise SchemaError(
                "a worker runs another version of this program, or of polars, than the driver",
                next_action="give the workers the environment of the driver (pipelines/engines/SPARK.md)",
            )
        manifest = StudyManifest.model_validate_json(given.manifest_json)
        for shard, tables in _gather(batches).items():
            counts = Counter({name: frame.height for name, frame in tables.items()})
            parts = grade_parts(tables, given.release, manifest, given.batch_rows)
            for number, results in enumerate(parts):
                counts.update({name: results[name].height for name in ORDER})
                for place, name in enumerate(ORDER):
                    for slice_number, rows in enumerate(results[name].iter_slices(_BLOCK_ROWS)):
                        yield _result(place, shard, number * _MOST_SLICES + slice_number, pack(rows))
            yield _result(COUNTS, shard, 0, json.dumps(counts).encode())

    return guarded(work)


def _gather(batches: Batches) -> Mapping[int, Mapping[str, pl.DataFrame]]:
    """The checked tables of each shard, canonical; a table without rows is empty."""
    blocks: dict[int, dict[str, list[pl.DataFrame]]] = defaultdict(lambda: defaultdict(list))
    for batch in batches:
        for row in batch.to_pylist():
            blocks[row["shard"]][row["table_name"]].append(unpack(row["content"]))
    return {
        shard: {
            table.info().name: table.canonicalise(pl.concat([table.empty(), *found[table.info().name]]))
            for table in INPUT_TABLES
        }
        for shard, found in sorted(blocks.items())
    }


def _result(place: int, shard: int, part: int, content: bytes) -> pa.RecordBatch:
    row = {"place": place, "shard": shard, "part": part, "content": content}
    return pa.RecordBatch.from_pylist([row], schema=_RESULT_SCHEMA)


def unpack_table(table: type[Table]) -> Work:
    """Result blocks of one table as its rows, in types Spark has."""

    def work(batches: Batches) -> Batches:
        for batch in batches:
            for content in batch.column("content").to_pylist():
                rows = unpack(content).to_arrow()
                yield from rows.cast(spark_schema(table)).combine_chunks().to_batches()

    return guarded(work)


def pack(frame: pl.DataFrame) -> bytes:
    """A frame as one Arrow IPC stream, compressed: Java holds and copies every block several times."""
    buffer = io.BytesIO()
    frame.write_ipc_stream(buffer, compression="zstd")
    return buffer.getvalue()


def unpack(content: bytes) -> pl.DataFrame:
    """The frame of `pack`."""
    return pl.read_ipc_stream(io.BytesIO(content))


def _typed(batch: pa.RecordBatch, table: type[Table]) -> pl.DataFrame:
    """Rows as the schema declares them. Raises `SchemaError` for a missing column or another type."""
    frame = pl.DataFrame(pa.Table.from_batches([batch]))
    declared = table.polars_schema()
    if dict(frame.schema) != declared:
        differing = sorted(set(frame.schema.items()) ^ set(declared.items()), key=str)
        names = ", ".join(dict.fromkeys(name for name, _ in differing))
        raise SchemaError(
            f"the columns of {table.info().name} are not those of its schema: {names or 'another order'}",
            next_action="give the checked tables of this version of the program",
        )
    return frame


_SPARK_TYPES: Final[Mapping[pl.DataType, tuple[str, pa.DataType]]] = {
    pl.String(): ("string", pa.string()),
    pl.Boolean(): ("boolean", pa.bool_()),
    pl.Int8(): ("tinyint", pa.int8()),
    pl.Int16(): ("smallint", pa.int16()),
    pl.Int32(): ("int", pa.int32()),
    pl.Int64(): ("bigint", pa.int64()),
    pl.Float64(): ("double", pa.float64()),
    pl.Date(): ("date", pa.date32()),
    pl.Datetime("us"): ("timestamp_ntz", pa.timestamp("us")),
}


def spark_schema(table: type[Table]) -> pa.Schema:
    """Columns of a table in Arrow types that Spark takes: no large or view types."""
    return pa.schema((name, _SPARK_TYPES[dtype][1]) for name, dtype in table.polars_schema().items())


def spark_ddl(table: type[Table]) -> str:
    """Columns and types of a table in Spark's words."""
    return ", ".join(f"`{name}` {_SPARK_TYPES[dtype][0]}" for name, dtype in table.polars_schema().items())
