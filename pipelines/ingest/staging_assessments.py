"""Staging of assessment files: wide or long, each item of each row becomes one row of one long table.

Only the shape of these files may live here: which cell is which item, where a row without a date gets one.
How one cell is read is in `parse_assessments`, what a value means in `pipelines.grading.assessments`.

Decisions
- A blank cell is no row: nothing was assessed. With a reason, or the status NOT DONE, each blank item of
  the row is a row without a value; a value that is there is read whatever the status says.
- `value_text` is the cell as written, or the reason as written where that is all there is.
- A long row whose code the manifest does not list, and a row that holds nothing, are counted as left out.
- Words and codes of the manifest are compared without regard to case and blanks at their ends.
- A row of SUPPAE has no date: it takes the onset of its event, unless no event or two different ones
  have that identifier. `IDVAR` must name the column of the event identifier.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

import polars as pl

from pipelines.ingest.assessment_words import STATUS
from pipelines.ingest.cells import FileCells, clean, with_time_text
from pipelines.ingest.column_names import find_column, require_item_columns
from pipelines.ingest.findings import Rule
from pipelines.ingest.parse_assessments import (
    VALUE_RULES,
    Manifested,
    is_blank,
    is_generic,
    read_reason,
    read_value,
)
from pipelines.ingest.parse_words import YES_NO, fold
from pipelines.ingest.raw import ROW
from pipelines.ingest.splitting import PLACE
from schemas.errors import ManifestError, quoted

_PLACES: Final = {"source_file": pl.String, "source_row": pl.Int64}
_SHOWN_CODES: Final = 20
_UNMAPPED: Final = Rule(
    "STG-ITEM-UNMAPPED",
    "item",
    "info",
    "Rows of an assessment file whose code the manifest maps to no item",
    "none, if they are no ICANS items; else map their code under files[].codes",
)
_ABSENT_CODE: Final = Rule(
    "STG-ITEM-CODE-ABSENT",
    "item",
    "warning",
    "A code that the manifest maps occurs in its file (count of codes)",
    "correct files[].codes in study.yaml, unless no such item has been assessed yet",
)
_EMPTY: Final = Rule(
    "STG-ASSESSMENT-EMPTY",
    "value",
    "info",
    "Rows of an assessment file that hold no value of an item and no reason",
    "none: nothing was assessed",
)
_DONE_AFTER_ALL: Final = Rule(
    "STG-NOT-DONE-WITH-VALUE",
    "value_status",
    "warning",
    "An item whose status says that it was not done has no value; one that has is used",
    "ask which of the two is right",
)
_EVENT: Final = Rule(
    "STG-ASSESSMENT-EVENT-UNKNOWN",
    "assessed_earliest",
    "warning",
    "A value that belongs to an adverse event has exactly one event of that identifier to date it",
    "correct the event identifier; until then the moment is not known",
)
_LIKE_A_CODE: Final = re.compile(r"^[A-Za-z0-9_.-]{1,16}$")
_READ: Final = {
    "__value": pl.Float64(),
    "code": pl.String(),
    "value_status": pl.String(),
    "not_done_reason": pl.String(),
    "__rule": pl.String(),
    "__shows_reason": pl.Boolean(),
}


def stage_assessments(file: FileCells) -> pl.DataFrame:
    """One row per item that a file holds, with the texts of its fields beside it.

    Rows without an item are counted in `file.filtered`, by reason among its findings. Raises
    `ManifestError` for a column the manifest names and the file lacks, and for two words of the manifest
    that differ in case only and mean different things.
    """
    words = {of: _folded(listed, fold, file, f"values.{of}") for of, listed in file.table.spec.values.items()}
    rows = file.frame.height
    _complete_dates(file)
    file.parse_date("date", "assessed", "time")
    file.parse_words("sedated", YES_NO, "is_sedated", pl.Boolean())
    file.parse_words("status", STATUS, "__not_done", pl.Boolean())
    file.parse(["reason"], lambda text: (read_reason(text, words),), {"__reason": pl.String()})
    file.frame = _one_row_per_item(file) if file.table.spec.items else _mapped_rows(file)
    file.parse(["__text"], lambda text: (is_blank(text),), {"__blank": pl.Boolean()})
    places = file.frame.select(PLACE).unique()
    is_said = pl.col("__not_done").fill_null(value=False) | pl.col("__reason").is_not_null()
    file.frame = file.frame.filter(~pl.col("__blank") | is_said)
    empty = places.join(file.frame, on=PLACE, how="anti")
    file.counts.append((_EMPTY, "value", empty, places.height))
    _read_values(file, words)
    file.filtered += rows - places.height + empty.height
    file.frame = file.frame.with_columns(
        study_id=pl.lit(file.manifest.study),
        assessed_text=with_time_text("date", "time"),
        value=pl.col("__value"),
        value_text=pl.when("__shows_reason").then("reason").otherwise("__text"),
    )
    return file.frame


def date_by_events(file: FileCells, events: pl.DataFrame, event_columns: Collection[str]) -> pl.DataFrame:
    """The staged rows of a file, undated ones with the onset of their event.

    `events` are the staged adverse events, `event_columns` the columns their identifiers came from.
    """
    frame = file.frame
    if "event_id" not in file.columns:
        return frame
    bounds = {f"assessed_{part}": f"start_{part}" for part in ("earliest", "latest", "precision")}
    onsets = (
        events.select("subject_id", "event_id", *bounds.values())
        .unique()
        .filter(pl.struct("subject_id", "event_id").is_unique())
    )
    columns = {name.casefold() for name in event_columns} | {"aeseq"}
    points_at_event = pl.col("__idvar").str.to_lowercase().is_in(sorted(columns)).fill_null(value=True)
    wants = pl.col("date").is_null() & pl.col("event_id").is_not_null() & points_at_event
    dated = frame.join(onsets, on=["subject_id", "event_id"], how="left").with_columns(
        pl.when(wants).then(pl.coalesce(onset, own)).otherwise(own).alias(own)
        for own, onset in bounds.items()
    )
    unknown = dated.filter(wants & pl.col("start_precision").is_null()).select(PLACE)
    file.counts.append((_EVENT, "assessed_earliest", unknown, frame.filter(wants).height))
    return dated


def _complete_dates(file: FileCells) -> None:
    """Fill blanks of ADTM from ADT, and keep which variable of its event a supplemental row points at."""
    names = file.table.frame.columns
    date, event = (file.columns.get(name, "").upper() for name in ("date", "event_id"))
    extras = {
        "__adt": find_column(names, "ADT")
        if date == "ADTM" and "date" not in file.table.spec.columns
        else None,
        "__idvar": find_column(names, "IDVAR") if event == "IDVARVAL" else None,
    }
    texts = file.table.frame.select(
        pl.col(ROW).alias("source_row"),
        *((clean(pl.col(of)) if of else pl.lit(None, pl.String)).alias(name) for name, of in extras.items()),
    )
    file.frame = (
        file.frame.join(texts, on="source_row", how="left", maintain_order="left")
        .with_columns(pl.coalesce("date", "__adt"))
        .drop("__adt")
    )


def _one_row_per_item(file: FileCells) -> pl.DataFrame:
    """A wide file: every mapped cell is a row, blank ones included."""
    names = [name for name in file.table.frame.columns if name != ROW]
    columns = require_item_columns(file.table.spec, names)
    cells = file.table.frame.select(
        pl.col(ROW).alias("source_row"), *(clean(pl.col(name)).alias(item) for item, name in columns.items())
    ).unpivot(list(columns), index="source_row", variable_name="item", value_name="__text")
    named = pl.col("item").replace_strict(columns, return_dtype=pl.String)
    return file.frame.join(cells.with_columns(source_column=named), on="source_row", how="inner")


def _mapped_rows(file: FileCells) -> pl.DataFrame:
    """A long file: the rows whose code is an item; counts the others and the codes that never occur."""
    items = _folded(file.table.spec.codes, str.casefold, file, "codes")
    file.parse(["test_code"], lambda text: (items.get((text or "").casefold()),), {"item": pl.String()})
    rows, unmapped = (
        file.frame.filter(pl.col("item").is_not_null()),
        file.frame.filter(pl.col("item").is_null()),
    )
    seen = {str(code).casefold() for code in rows.get_column("test_code").unique()}
    file.counts.append((_unmapped_rule(unmapped), "item", unmapped.select(PLACE), file.frame.height))
    absent = pl.DataFrame({name: [None] * len(items.keys() - seen) for name in PLACE}, schema=_PLACES)
    file.counts.append((_ABSENT_CODE, "item", absent, len(items)))
    value, number = file.columns.get("value"), file.columns.get("value_number")
    file.frame = rows
    file.parse(["value"], lambda text: (is_blank(text),), {"__no_value": pl.Boolean()})
    uses_number = pl.col("__no_value") & pl.col("value_number").is_not_null()
    return file.frame.with_columns(
        __text=pl.when(uses_number).then("value_number").otherwise("value"),
        source_column=pl.when(uses_number).then(pl.lit(number)).otherwise(pl.lit(value or number)),
    )


def _unmapped_rule(rows: pl.DataFrame) -> Rule:
    """The rule, with the codes that were left out (those that look like codes, the first twenty)."""
    texts = rows.get_column("test_code").drop_nulls().unique().to_list()
    codes = sorted(text for text in texts if _LIKE_A_CODE.match(text))[:_SHOWN_CODES]
    return (
        replace(_UNMAPPED, next_action=f"{_UNMAPPED.next_action}: {', '.join(codes)}") if codes else _UNMAPPED
    )


def _read_values(file: FileCells, words: Manifested) -> None:
    """Add value, code, status and reason of every item; keep and count the cells that could not be read."""
    half_grades, has_unit = file.manifest.grading.half_grades, "unit" in file.columns

    def read(
        item: str, text: str | None, blank: bool, unit: str | None, reason: str | None
    ) -> tuple[Any, ...]:
        if blank:
            return None, None, "not_done", reason or "not_done", None, True
        found = read_value(item, text, unit, words, half_grades=half_grades, has_unit_column=has_unit)
        if found.status == "not_done" and reason is not None and is_generic(found.reason):
            return *found._replace(reason=reason), True
        return *found, False

    file.parse(["item", "__text", "__blank", "unit", "__reason"], read, _READ)
    broken = pl.col("__rule").is_not_null()
    unread = file.frame.filter(broken & (pl.col("value_status") != "read"))
    file.keep_problems(unread, column=pl.col("source_column"), target="value", text=pl.col("__text"))
    recorded = file.frame.filter(~pl.col("__blank")).height
    for rule_id, described in VALUE_RULES.items():
        rule = Rule(
            rule_id,
            "value",
            "warning",
            described,
            "see core_parse_problems; correct the cell or the manifest",
        )
        places = file.frame.filter(pl.col("__rule") == rule_id).select(PLACE)
        file.counts.append((rule, "value", places, recorded))
    said = file.frame.filter("__not_done")
    valued = said.filter(pl.col("value_status") == "read").select(PLACE)
    file.counts.append((_DONE_AFTER_ALL, "value_status", valued, said.height))
    file.frame = file.frame.drop("__rule")


def _folded(
    listed: Mapping[str, str], fold_word: Callable[[str], str], file: FileCells, key: str
) -> dict[str, str]:
    """What the manifest lists, by folded word; two meanings of one word are an error."""
    folded: dict[str, str] = {}
    for word, meaning in listed.items():
        if folded.setdefault(fold_word(word.strip()), meaning) != meaning:
            raise ManifestError(
                f"{quoted(word)} is listed twice with different meanings "
                "(case and outer blanks do not count)",
                file=file.path,
                next_action=f"keep one of them under files[].{key} in study.yaml",
            )
    return folded
