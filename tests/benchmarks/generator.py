"""Benchmark studies of any size: one block of invented subjects, repeated under other subject numbers.

    python -m tests.benchmarks.generator FOLDER --rows 1000000 --seed 1

writes a study folder (study.yaml, ae, dm and ex as Parquet) that `regrade run` takes as it is. What may live
here: the files of such a study and its checked tables. The rows are drawn in `invented_rows`.

A copy has its own subject numbers, and its own minutes in every time of day: the number of different date
texts grows with the study, as it does in real ones. Files are written as they are made, in row groups of
250,000.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from mappings.loader import load_release
from pipelines.ingest.checking import check_study
from pipelines.ingest.staging import stage_study
from pipelines.ingest.study import read_manifest, read_study
from schemas.registry import CHECKED_TABLES
from tests.benchmarks.invented_rows import PRODUCT, ROWS_PER_SUBJECT, SCHEMAS, Block

BLOCK_SUBJECTS: Final = 1_000
ROW_GROUP: Final = 250_000
STUDY: Final = "BENCH"
MANIFEST: Final = """\
# An invented study of the benchmarks: see tests/benchmarks/generator.py.
manifest_version: 1
study: {study}
title: Invented benchmark study (no real patients)
product: {product}

files:
  - {{path: ae.{suffix}, role: adverse_events}}
  - {{path: dm.{suffix}, role: subjects}}
  - {{path: ex.{suffix}, role: exposure}}

grading: {{scale: ctcae, version: "5.0"}}
infusions: {{source: exposure, products: [{product}]}}
data_cutoff: 2020-12-31
"""
_CLOCK: Final = r"T\d{2}:\d{2}$"
_SHARDS: Final = 16
_DATES: Final = {"start": "AESTDTC", "end": "AEENDTC", "infusion": "EXSTDTC"}


@dataclass(frozen=True)
class Size:
    """Copies of a block of that many subjects; about `rows` adverse-event rows."""

    subjects: int
    copies: int

    @classmethod
    def of_rows(cls, rows: int) -> Size:
        """The smallest number of whole copies that gives at least about `rows` rows."""
        subjects = max(min(rows // ROWS_PER_SUBJECT, BLOCK_SUBJECTS), 1)
        return cls(subjects, max(round(rows / (subjects * ROWS_PER_SUBJECT)), 1))


def draw_block(seed: int, subjects: int) -> dict[str, pl.DataFrame]:
    """The AE, DM and EX rows of one block, by file stem."""
    block = Block(seed, subjects, load_release())
    columns = {"ae": block.events, "dm": block.subjects, "ex": block.exposure}
    return {name: pl.DataFrame(columns[name], schema=SCHEMAS[name]) for name in columns}


def write_study(folder: Path, rows: int, seed: int, *, shuffled: bool = False) -> dict[str, Path]:
    """A study of about `rows` adverse-event rows, named as its folder; its data files by stem."""
    folder.mkdir(parents=True, exist_ok=True)
    size = Size.of_rows(rows)
    (folder / "study.yaml").write_text(
        MANIFEST.format(study=folder.name, product=PRODUCT, suffix="parquet"), encoding="utf-8"
    )
    files = {}
    for name, frame in draw_block(seed, size.subjects).items():
        files[name] = folder / f"{name}.parquet"
        parts = _shuffle(frame, seed) if shuffled and name == "ae" else [frame]
        tiles = [_tile_raw(part, copy) for part in parts for copy in range(size.copies)]
        pl.concat(tiles).sink_parquet(files[name], row_group_size=ROW_GROUP)
    return files


def write_xport_study(folder: Path, rows: int, seed: int) -> None:
    """The same study as SAS transport files, as a sponsor sends a usual trial."""
    import pyreadstat  # noqa: PLC0415  # only this form needs it

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.yaml").write_text(
        MANIFEST.format(study=folder.name, product=PRODUCT, suffix="xpt"), encoding="utf-8"
    )
    size = Size.of_rows(rows)
    for name, frame in draw_block(seed, size.subjects).items():
        tiles = pl.concat([_tile_raw(frame, copy) for copy in range(size.copies)]).collect()
        pyreadstat.write_xport(
            tiles.fill_null(""), str(folder / f"{name}.xpt"), table_name=name.upper(), file_format_version=5
        )


def write_checked(folder: Path, rows: int, seed: int) -> dict[str, Path]:
    """The checked tables of the same study: one block is read and checked, then repeated.

    The study folder of the block is left in `folder`, as BENCH.
    """
    size = Size.of_rows(rows)
    block = folder / STUDY
    sources = write_study(block, size.subjects * ROWS_PER_SUBJECT, seed)
    lengths = {
        path.name: pl.scan_parquet(path).select(pl.len()).collect().item() for path in sources.values()
    }
    manifest = read_manifest(block)
    checked = check_study(stage_study(read_study(block, manifest)), manifest)
    files = {}
    for name in (table.info().name for table in CHECKED_TABLES):
        frame = checked[name]
        files[name] = folder / f"{name}.parquet"
        copies = size.copies if "source_row" in frame.columns and frame.height else 1
        tiles = [_tile_checked(frame, copy, lengths) for copy in range(copies)]
        pl.concat(tiles).sink_parquet(files[name], row_group_size=ROW_GROUP)
    return files


def _tile_raw(frame: pl.DataFrame, copy: int) -> pl.LazyFrame:
    """The rows of one copy of the block."""
    tiled = frame.lazy().with_columns(_renamed("USUBJID", copy))
    dates = [name for name in _DATES.values() if name in frame.columns]
    return tiled.with_columns(_reclocked(name, copy) for name in dates)


def _tile_checked(frame: pl.DataFrame, copy: int, lengths: dict[str, int]) -> pl.LazyFrame:
    """The checked rows of one copy, still in canonical order; only `cells` stays that of the block."""
    tiled = frame.lazy()
    if "subject_id" in frame.columns:
        tiled = tiled.with_columns(_renamed("subject_id", copy))
    if "source_row" in frame.columns:
        before = pl.col("source_file").replace_strict(lengths, return_dtype=pl.Int64) * copy
        tiled = tiled.with_columns(pl.col("source_row") + before)
    for prefix in _DATES:
        if f"{prefix}_precision" not in frame.columns or copy % 60 == 0:
            continue
        minute = pl.col(f"{prefix}_earliest").dt.minute().cast(pl.Int64)
        moved = pl.duration(minutes=(minute + copy) % 60 - minute, time_unit="us")
        has_clock = pl.col(f"{prefix}_precision") == "time"
        tiled = tiled.with_columns(
            *(
                pl.when(has_clock).then(pl.col(name) + moved).otherwise(name).alias(name)
                for name in (f"{prefix}_earliest", f"{prefix}_latest")
            ),
            _reclocked(f"{prefix}_text", copy),
        )
    return tiled


def _renamed(name: str, copy: int) -> pl.Expr:
    """The block's subject number as that of a copy: B0000-0017 is B0042-0017 in copy 42."""
    return (pl.lit(f"B{copy:04d}") + pl.col(name).str.slice(5)).alias(name)


def _reclocked(name: str, copy: int) -> pl.Expr:
    """A date text whose time of day, if it has one, is that of a copy: `copy` minutes later in its hour."""
    text = pl.col(name)
    minute = text.str.slice(-2).cast(pl.Int64, strict=False) + copy
    later = text.str.head(-2) + (minute % 60).cast(pl.String).str.zfill(2)
    return pl.when(text.str.contains(_CLOCK)).then(later).otherwise(text).alias(name)


def _shuffle(frame: pl.DataFrame, seed: int) -> list[pl.DataFrame]:
    """Sixteen random parts of the block; part by part over all copies, no subject's rows stay together."""
    order = list(range(frame.height))
    random.Random(seed).shuffle(order)
    return [frame[order[start::_SHARDS]] for start in range(_SHARDS)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="study folder to write, e.g. HOME/landing/BENCH")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shuffled", action="store_true", help="rows in no order")
    parser.add_argument("--xport", action="store_true", help="SAS transport files instead of Parquet")
    arguments = parser.parse_args()
    if arguments.xport:
        write_xport_study(arguments.folder, arguments.rows, arguments.seed)
    else:
        write_study(arguments.folder, arguments.rows, arguments.seed, shuffled=arguments.shuffled)


if __name__ == "__main__":
    main()
