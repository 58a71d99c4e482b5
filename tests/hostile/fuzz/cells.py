"""The staging parsers as targets: one cell per line, and a whole small study through staging and checks.

A parser never raises: a cell it cannot read has a rule. What it does read stands in the cell.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import polars as pl

from pipelines.ingest.checking import check_study
from pipelines.ingest.parse_age_groups import read_age_group
from pipelines.ingest.parse_ages import read_age
from pipelines.ingest.parse_assessments import is_blank, read_reason, read_value
from pipelines.ingest.parse_dates import ReadDate, is_sas_day_column, read_date
from pipelines.ingest.parse_grades import read_grade
from pipelines.ingest.parse_words import fold, read_scale, read_version
from pipelines.ingest.plain_dates import read_plain_dates
from pipelines.ingest.raw import ROW
from pipelines.ingest.staging import stage_study
from pipelines.ingest.study import read_manifest, read_study
from schemas.assessment_items import ITEMS

_LONGEST = 20_000
_MANIFEST = """\
study: ST-1
files: [{path: ae.csv, role: adverse_events}, {path: dm.csv, role: subjects}]
grading: {scale: ctcae, version: "4.03"}
infusions: {source: none}
"""


def _lines(content: bytes) -> list[str]:
    # A cell is any text without lone surrogates: the readers see to that.
    return content[:_LONGEST].decode("utf-8", "replace").split("\n")[:60]


def dates(content: bytes, folder: Path) -> None:
    """`read_date` with and without an order, as a SAS day, and with a time of its own."""
    texts = _lines(content)
    is_sas_day_column(texts)
    for text, *plain in (
        read_plain_dates(pl.Series(texts, dtype=pl.String)).insert_column(0, pl.Series(texts)).rows()
    ):
        found = read_date(text)
        assert plain[2] is None or tuple(plain) == found[:3], "a plain date is read in two ways"
    for number, text in enumerate(texts):
        following = texts[(number + 1) % len(texts)]
        for order in (None, "day_first", "month_first"):
            found = read_date(text, order=order)  # type: ignore[arg-type]
            _assert_within(found, text)
        found = read_date(text, time_text=following)
        _assert_within(found, text)
        _assert_ordered(read_date(text, sas_days=True))
        _assert_ordered(read_date(text, imputed=following[:1], time_imputed=following[1:2]))


def _assert_ordered(found: ReadDate) -> None:
    if found.earliest is not None and found.latest is not None:
        assert found.earliest <= found.latest, "the range of a date is upside down"


def _assert_within(found: ReadDate, text: str) -> None:
    """The years of a date stand in its text, give or take the one a time zone moves it over."""
    _assert_ordered(found)
    for bound in (found.earliest, found.latest):
        if bound is not None:
            years = [bound.year + shift for shift in (-1, 0, 1)]
            assert any(f"{year:04d}" in text or f"{year % 100:02d}" in text for year in years), "a year"


def grades(content: bytes, folder: Path) -> None:
    """`read_grade`: a grade that is read is a digit, a Roman number or a word of the cell."""
    for text in _lines(content):
        for half in ("reject", "ceil"):
            found = read_grade(text, half)  # type: ignore[arg-type]
            assert (found.grade is None) == (found.status not in ("read", "rounded_up"))
            if found.grade is None:
                continue
            assert 0 <= found.grade <= 5
            digits = re.findall(r"\d+", text)
            written = found.grade - (found.status == "rounded_up")
            assert not digits or str(written) in {digit.lstrip("0") or "0" for digit in digits}, "a grade"


def ages(content: bytes, folder: Path) -> None:
    """`read_age` and `read_age_group`: between 0 and 130 years, and never from a cell without a number."""
    for line in _lines(content):
        text, _, unit = line.partition("\t")
        for has_unit in (True, False):
            found = read_age(text, unit or None, has_unit_column=has_unit)
            if found.years is not None:
                assert 0 <= found.years <= 130
                assert re.search(r"[0-9]", text), "an age"
        group = read_age_group(text)
        if group.lowest is not None and group.highest is not None:
            assert group.lowest < group.highest


def words(content: bytes, folder: Path) -> None:
    """Folding is stable, and no scale or version comes from nothing."""
    for text in _lines(content):
        folded = fold(text)
        assert fold(folded) == folded or folded.startswith("."), "folding twice differs"
        scale, _, _ = read_scale(text)
        for known in ("ctcae", "cres", "astct"):
            version, _ = read_version(known, text)
            assert version is None or re.search(r"[0-9]", text), "a version"
        assert scale is None or folded, "a scale"


def assessments(content: bytes, folder: Path) -> None:
    """`read_value` for the item named first on the line, or for every item."""
    for line in _lines(content)[:30]:
        item, _, rest = line.partition("\t")
        text, _, unit = rest.partition("\t")
        read_reason(text, {})
        for name in [item] if item in ITEMS else list(ITEMS)[::7]:
            if is_blank(text):
                continue
            found = read_value(name, text, unit or None, {}, half_grades="ceil")
            known = ITEMS[name]
            if found.value is not None:
                assert known.lowest <= found.value <= known.highest
                assert re.search(r"[0-9IV]", text.upper()), "a value"
            if found.code is not None:
                assert found.code in known.codes


@cache
def _subjects() -> str:
    return "USUBJID,AGE,AGEU\n" + "".join(f"S{number},60,YEARS\n" for number in range(1, 4))


def staging(content: bytes, folder: Path) -> None:
    """A study through staging and checks: rows in = valid + rejected, and terms stay in their rows."""
    study = folder / "ST-1"
    study.mkdir(exist_ok=True)
    (study / "study.yaml").write_text(_MANIFEST)
    (study / "dm.csv").write_text(_subjects())
    (study / "ae.csv").write_bytes(content)
    manifest = read_manifest(study)
    raw = read_study(study, manifest)
    tables = check_study(stage_study(raw), manifest)
    rows = {row[ROW]: row for row in raw.tables[0].frame.iter_rows(named=True)}
    events, rejected = tables["core_adverse_events"], tables["core_rejected_rows"]
    of_file = rejected.filter(pl.col("source_file") == "ae.csv")
    places = [*events["source_row"].to_list(), *of_file["source_row"].to_list()]
    assert sorted(places) == list(range(1, raw.tables[0].rows_in + 1)), "rows are lost or doubled"
    for event in events.iter_rows(named=True):
        cells = {name.upper(): cell for name, cell in rows[event["source_row"]].items()}
        for column, source in (
            ("verbatim_term", "AETERM"),
            ("subject_id", "USUBJID"),
            ("body_system", "AEBODSYS"),
        ):
            assert event[column] is None or event[column] in (cells.get(source) or ""), column
