"""From the cells of one file to typed columns: cleaning, parsing of distinct texts, keeping what failed.

Only machinery shared by the staged tables may live here: no field, no word list, no clinical meaning.
Every distinct text is parsed once and joined back, so cost follows the number of different texts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, Final

import polars as pl

from pipelines.ingest.column_names import find_column, imputation_flags, resolve_columns
from pipelines.ingest.findings import Rule, finding
from pipelines.ingest.parse_dates import DATE_RULES, UNREADABLE_TIME, is_sas_day_column, read_date
from pipelines.ingest.parse_words import Words
from pipelines.ingest.plain_dates import read_plain_dates
from pipelines.ingest.raw import ROW, RawTable, StoredRawTable
from schemas.errors import ManifestError
from schemas.evidence import CoreParseProblems
from schemas.manifest import FileSpec, StudyManifest
from schemas.manifest_fields import FIELDS

INSTANT: Final = pl.Datetime("us")
_RULE: Final = "__rule"
_POINT_ZERO: Final = r"^(-?\d+)\.0+$"
_UNSEEN_ENDS: Final = r"^[\s\p{Cf}]+|[\s\p{Cf}]+$"
_NEVER_EMPTIED: Final = ("adverse_events", "subjects")

Reader = Callable[..., tuple[Any, ...]]


@dataclass(frozen=True)
class WholeFile:
    """All rows of a file that is staged piece by piece: what a column holds is said by all of them."""

    rows: pl.LazyFrame
    _texts: dict[str, pl.Series] = field(default_factory=dict)
    _one_reads: Lock = field(default_factory=Lock)

    def texts(self, spec: FileSpec, column: str) -> pl.Series:
        """The cleaned texts of a column, read once however many pieces ask."""
        with self._one_reads:  # two pieces are at work, and begin with the same question
            if column not in self._texts:
                kept = self.rows.filter(_where(spec, self.rows.collect_schema().names()))
                self._texts[column] = clean_cells(kept.select(pl.col(column).unique()).collect().to_series())
            return self._texts[column]


@dataclass
class FileCells:
    """One file on its way to a staged table: cleaned texts per field, and what could not be read.

    `frame` holds `source_file`, `source_row` and one text column per field of the role (null: no
    column, or nothing but blanks in the cell); typed columns are added to it. `problems` and `findings`
    collect what `core_parse_problems` and `core_findings` will say about it. `whole` is given where `table`
    is a piece of a file.
    """

    table: RawTable
    manifest: StudyManifest
    table_name: str
    columns: dict[str, str]
    frame: pl.DataFrame
    filtered: int
    whole: WholeFile | None = None
    rows_in: int = field(init=False)
    cells_in: int = field(init=False)
    problems: list[pl.DataFrame] = field(default_factory=list)
    counts: list[tuple[Rule, str, pl.DataFrame, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows_in = self.table.rows_in
        self.cells_in = self.table.frame.height * (self.table.frame.width - 1)

    @property
    def path(self) -> str:
        """Path of the file inside the study folder."""
        return self.table.spec.path

    def let_go(self) -> None:
        """Forget the cells as read; what was rejected and counted stays."""
        rejected = self.table.rejected
        frame = self.table.frame.clear()
        self.table = replace(self.table, frame=frame, rows_in=rejected.height)

    def parse(self, inputs: Sequence[str], read: Reader, outputs: Mapping[str, pl.DataType]) -> None:
        """Add `outputs`, computed by `read` from each distinct combination of the `inputs` texts."""
        self._join_answers(_answers(self.frame.select(inputs).unique(), read, outputs), inputs)

    def _join_answers(self, answers: pl.DataFrame, inputs: Sequence[str]) -> None:
        if answers.height == 1:  # every row says the same, mostly nothing: there is no column for it
            (found,) = answers.drop(inputs).iter_rows(named=True)
            self.frame = self.frame.with_columns(
                pl.lit(value, answers.schema[name]).alias(name) for name, value in found.items()
            )
            return
        self.frame = self.frame.join(
            answers, on=list(inputs), how="left", nulls_equal=True, maintain_order="left"
        )

    def parse_words(self, name: str, words: Words[Any], target: str, dtype: pl.DataType) -> None:
        """Read a field with a word list into `target`; an unlisted word becomes null and a problem.

        Leading underscores keep a typed column apart from the text of its field until both are written.
        """

        def read(text: str | None) -> tuple[Any, str | None]:
            code, readable = words.read(text)
            return code, None if readable else words.rule_id

        self.parse([name], read, {target: dtype, _RULE: pl.String()})
        self.note(
            name, target.lstrip("_"), {words.rule_id: "The text is not one of the words this column can hold"}
        )

    def parse_date(self, name: str, prefix: str, time: str | None = None) -> None:
        """Read a date field into `<prefix>_earliest`, `_latest` and `_precision`."""
        inputs = [name]
        column = self.columns.get(name)
        flags = (None, None) if column is None else imputation_flags(self.table.frame.columns, column)
        order = self.table.spec.date_order
        extras = {
            "time_text": time if time in self.columns else None,
            "imputed": self._extra("__date_flag", flags[0]),
            "time_imputed": self._extra("__time_flag", flags[1]),
        }
        named = {key: extra for key, extra in extras.items() if extra is not None}
        inputs += list(named.values())
        distinct = self.frame.select(inputs).unique()
        plain, distinct = _split_plain_dates(distinct, prefix)
        # A column with a plain date in it is no column of day numbers.
        sas_days = plain.is_empty() and is_sas_day_column(self._texts(name, distinct).to_list())

        def read(text: str | None, *others: str | None) -> tuple[Any, ...]:
            return tuple(
                read_date(text, order=order, sas_days=sas_days, **dict(zip(named, others, strict=True)))
            )

        instants = {f"{prefix}_earliest": INSTANT, f"{prefix}_latest": INSTANT}
        outputs = {**instants, f"{prefix}_precision": pl.String(), _RULE: pl.String()}
        self._join_answers(pl.concat([plain, _answers(distinct, read, outputs)]), inputs)
        self.note(name, f"{prefix}_earliest", DATE_RULES, time=named.get("time_text"))
        self.frame = self.frame.drop("__date_flag", "__time_flag", strict=False)

    def _texts(self, name: str, distinct: pl.DataFrame) -> pl.Series:
        """The texts of a field in the whole file."""
        if self.whole is None or name not in self.columns:
            return distinct.get_column(name).unique()
        return self.whole.texts(self.table.spec, self.columns[name])

    def _extra(self, alias: str, column: str | None) -> str | None:
        """Add a companion column of the file to the frame under `alias`."""
        if column is None:
            return None
        texts = self.table.frame.select(pl.col(ROW).alias("source_row"), clean(pl.col(column)).alias(alias))
        self.frame = self.frame.join(texts, on="source_row", how="left", maintain_order="left")
        return alias

    def note(self, name: str, target: str, rules: Mapping[str, str], time: str | None = None) -> None:
        """Keep the cells whose rule column is filled and count every rule over the recorded cells.

        With a `time` column, a time that could not be read is kept as a cell of that column.
        """
        failed = self.frame.filter(pl.col(_RULE).is_not_null())
        in_time = pl.col(_RULE).is_null()
        if time is not None:
            in_time = (pl.col(_RULE) == UNREADABLE_TIME) & pl.col(time).is_not_null()
            self._keep_problems(time, target, failed.filter(in_time))
        self._keep_problems(name, target, failed.filter(~in_time))
        recorded = self.frame.height - self.frame.get_column(name).null_count()
        for rule_id, words in rules.items():
            places = failed.filter(pl.col(_RULE) == rule_id).select("source_file", "source_row")
            rule = Rule(
                rule_id, target, "warning", words, "see core_parse_problems; correct the cell or the manifest"
            )
            self.counts.append((rule, target, places, recorded))
        self.frame = self.frame.drop(_RULE)

    def _keep_problems(self, name: str, target: str, rows: pl.DataFrame) -> None:
        if rows.height:
            self.keep_problems(rows, column=pl.lit(self.columns[name]), target=target, text=pl.col(name))

    def keep_problems(self, rows: pl.DataFrame, *, column: pl.Expr, target: str, text: pl.Expr) -> None:
        """Keep the given cells with the rule in `__rule` of each."""
        self.problems.append(
            rows.select(
                study_id=pl.lit(self.manifest.study),
                table_name=pl.lit(self.table_name),
                source_file="source_file",
                source_row="source_row",
                column_name=column,
                field_name=pl.lit(target),
                text=text,
                rule_id=pl.col(_RULE),
            ).cast(pl.Schema(CoreParseProblems.polars_schema()))
        )

    def cells(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`source_file`, `source_row` and `cells` (JSON, as read) of the given rows of this file."""
        return render_cells(self.table, rows)

    def row_digests(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`source_row` and `digest`: 16 hex digits of the sha256 of the row's length-prefixed cells."""
        texts = [name for name in self.table.frame.columns if name != ROW]
        joined = pl.concat_str(
            pl.when(pl.col(name).is_null())
            .then(pl.lit("-1:"))
            .otherwise(pl.concat_str(pl.col(name).str.len_bytes().cast(pl.String), pl.lit(":"), pl.col(name)))
            for name in texts
        )
        wanted = self.table.frame.join(rows.select(pl.col("source_row").alias(ROW)), on=ROW, how="semi")
        digests = [
            hashlib.sha256(text.encode()).hexdigest()[:16]
            for text in wanted.select(joined.alias("t")).get_column("t")
        ]
        return wanted.select(pl.col(ROW).alias("source_row"), pl.Series("digest", digests, dtype=pl.String))


def _answers(
    distinct: pl.DataFrame, read: Reader, outputs: Mapping[str, pl.DataType | type[pl.DataType]]
) -> pl.DataFrame:
    """Distinct texts, each with what `read` makes of it."""
    parsed = pl.DataFrame(
        [read(*texts) for texts in distinct.iter_rows()], schema=dict(outputs), orient="row"
    )
    return pl.concat([distinct, parsed], how="horizontal")


def _split_plain_dates(distinct: pl.DataFrame, prefix: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Texts that are plain dates with nothing beside them, read; and the others as they are."""
    name, *beside = distinct.columns
    read = read_plain_dates(distinct.get_column(name)).select(
        pl.all().name.map(lambda column: f"{prefix}_{column}"), pl.lit(None, pl.String).alias(_RULE)
    )
    is_plain = pl.col(f"{prefix}_precision").is_not_null() & pl.all_horizontal(
        pl.lit(value=True), *(pl.col(other).is_null() for other in beside)
    )
    whole = pl.concat([distinct, read], how="horizontal")
    return whole.filter(is_plain), whole.filter(~is_plain).select(distinct.columns)


def clean_cells(cells: pl.Series, cleaner: Callable[[pl.Expr], pl.Expr] | None = None) -> pl.Series:
    """A column cleaned by `clean` or `clean_code`, each text once; only cells that change are set."""
    text, cleaned = pl.col("text"), (cleaner or clean)(pl.col("text"))
    texts = cells.unique().to_frame("text").with_columns(cleaned.alias("cleaned"))
    changes = texts.filter(text.ne_missing(pl.col("cleaned")))
    if changes.is_empty():
        return cells
    places = cells.is_in(changes.get_column("text").implode()).arg_true()
    written = (
        cells.gather(places).to_frame("text").join(changes, on="text", how="left", maintain_order="left")
    )
    return cells.clone().scatter(
        places, written.get_column("cleaned")
    )  # scatter writes into what it is given


def clean(column: pl.Expr) -> pl.Expr:
    """The text without blanks and unseen marks at its ends; null when nothing is left.

    Unseen marks (Unicode Cf: direction marks, zero-width spaces) come with copied cells; one of them in an
    identifier would make a second subject.
    """
    stripped = column.str.replace_all(_UNSEEN_ENDS, "")
    return pl.when(stripped != "").then(stripped)


def clean_code(column: pl.Expr) -> pl.Expr:
    """A cleaned identifier or code; a whole number that SAS or Excel wrote as 7.0 is 7."""
    return clean(column).str.replace(_POINT_ZERO, "$1")


def with_time_text(date: str, time: str) -> pl.Expr:
    """A date as written with the time of its own column behind it; null without a date."""
    return pl.when(pl.col(date).is_not_null()).then(
        pl.concat_str(date, time, separator=" ", ignore_nulls=True)
    )


def render_cells(table: RawTable | StoredRawTable, rows: pl.DataFrame) -> pl.DataFrame:
    """`source_file`, `source_row` and `cells` (JSON, as read) of the given rows of a file."""
    wanted = rows.filter(pl.col("source_file") == table.spec.path).get_column("source_row").unique()
    kept = table.lazy().filter(pl.col(ROW).is_in(wanted.implode())).collect()
    texts = [name for name in kept.columns if name != ROW]
    rendered = [
        json.dumps(dict(zip(texts, row, strict=True)), ensure_ascii=False)
        for row in kept.select(texts).iter_rows()
    ]
    return kept.select(
        pl.lit(table.spec.path).alias("source_file"),
        pl.col(ROW).alias("source_row"),
        pl.Series("cells", rendered, dtype=pl.String),
    )


def _where(spec: FileSpec, names: Sequence[str]) -> pl.Expr:
    """Which rows the manifest's filter keeps. Raises `ManifestError` for a column the file lacks."""
    kept = pl.lit(value=True)
    for name, allowed in spec.where.items():
        column = find_column(names, name)
        if column is None:
            raise ManifestError(
                "the manifest filters on this column but the file has no such column",
                file=spec.path,
                column=name,
                next_action=f"correct files[].where in study.yaml; the file has: {', '.join(names)}",
            )
        kept = kept & pl.col(column).str.strip_chars().fill_null("").is_in([text.strip() for text in allowed])
    return kept


def require_kept_rows(spec: FileSpec, files: Sequence[FileCells]) -> None:
    """Raise `ManifestError` when the filter of an event or subject file keeps none of its rows.

    A misspelt text would otherwise turn every subject into one without events.
    """
    read = sum(file.rows_in - file.table.rejected.height for file in files)
    if spec.role in _NEVER_EMPTIED and read and sum(file.filtered for file in files) == read:
        raise ManifestError(
            "the manifest's filter keeps no row of the file",
            file=spec.path,
            column=" and ".join(spec.where),
            next_action="correct files[].where in study.yaml: texts must be written as in the file",
        )


def open_file(
    table: RawTable, manifest: StudyManifest, table_name: str, whole: WholeFile | None = None
) -> FileCells:
    """Resolve the columns of a file, apply its `where` filter and clean the texts of its fields.

    `whole` is given where `table` is a piece of a file. Raises `ManifestError` when a column the
    manifest names, or one the role needs, is not there.
    """
    spec, names = table.spec, [name for name in table.frame.columns if name != ROW]
    columns = resolve_columns(spec, names, manifest.grading.scale)
    rows = table.frame.filter(_where(spec, names)) if spec.where else table.frame
    codes = ("subject_id", "event_id", "llt_code", "pt_code")
    fields = [
        clean_cells(rows.get_column(columns[name]), clean_code if name in codes else clean).alias(name)
        if name in columns
        else pl.lit(None, pl.String).alias(name)
        for name in FIELDS[spec.role]
    ]
    frame = rows.select(pl.lit(spec.path).alias("source_file"), pl.col(ROW).alias("source_row"), *fields)
    return FileCells(table, manifest, table_name, columns, frame, table.frame.height - rows.height, whole)


def summed_findings(study_id: str, files: Sequence[FileCells]) -> list[dict[str, object]]:
    """One finding per rule, table and column, over all files that hold the column."""
    merged: dict[tuple[str, str, str], list[tuple[Rule, pl.DataFrame, int]]] = {}
    for file in files:
        for rule, column, places, recorded in file.counts:
            merged.setdefault((rule.rule_id, file.table_name, column), []).append((rule, places, recorded))
    rows: list[dict[str, object]] = []
    for (_, table_name, column), parts in merged.items():
        places = pl.concat([part[1] for part in parts])
        total = sum(part[2] for part in parts)
        actions = "; ".join(sorted({part[0].next_action for part in parts}))
        rows.append(
            finding(
                replace(parts[0][0], next_action=actions),
                study_id,
                table_name,
                count=places.height,
                denominator=total,
                places=places,
                column=column,
            )
        )
    return rows
