"""Small valid files to start from, all made here or already among the tests' data."""

from __future__ import annotations

import gzip
import io
import json
import re
import tempfile
import zlib
from datetime import date, datetime
from functools import cache
from pathlib import Path

import polars as pl
import pyarrow
import pyreadstat
import xlsxwriter
from pyarrow import parquet

from mappings.sheets import FILES
from tests.mapping_damage import SHIPPED

DATA = Path(__file__).parents[2] / "data"
AE = """\
USUBJID,AESEQ,AETERM,AEDECOD,AEBODSYS,AETOXGR,AESTDTC,AEENDTC,AEREL,AEOUT,AESER
S1,1,"confused, ""a bit"", twice",Confusional state,Psychiatric disorders,3,2020-03-05,2020-03-06,Y,,N
S1,2,headache,Headache,Nervous system disorders,GRADE 2,2020-03,,N,,Y
S2,1,"two
lines",Seizure,Nervous system disorders,,2020-03-07T10:30,2020,,FATAL,Y
"""
FAERS = "primaryid$caseid$drug_seq$drugname$start_dt$age$age_cod\n" + "".join(
    f'{i}1${i}$1$DRUG "A" {i}$20170{i}01${50 + i}$YR\n' for i in range(1, 7)
)
MANIFEST = """\
manifest_version: 1
study: ST-1
title: "A: study"
files:
  - path: ae.csv
    role: adverse_events
    null_values: [NA, ".", "-"]
    columns: {verbatim_term: AETERM, grade: AETOXGR}
    date_order: day_first
  - {path: dm.csv, role: subjects, expected_rows: 2}
  - path: ice.csv
    role: assessments
    items: {ice_total: ICE, arousal: AROUSAL}
    values: {arousal: {EYES OPEN TO VOICE: voice}}
    where: {QSCAT: [ICE, CAPD]}
grading: {scale: ctcae, version: "4.03", conventions: [any_seizure_grade_3]}
windows: {primary_days: 30, sensitivity_days: [56]}
infusions: {source: none}
data_cutoff: 2020-12-31
episodes: {gap_days: 7}
context: {named_causes: [Septic shock]}
mapping_release: "1.0.0"
mapping_overlays: [acme]
meddra: "26.1"
"""
OVERLAY = """\
name: acme
base: ">=1.0.0, <2.0.0"
licence: Proprietary
change_note: Two local terms.
author_role: data management
"""
SPLIT = b"\n=====\n"
"""Between the files of one case that has several."""

FRAME = pl.DataFrame(
    {
        "USUBJID": ["S1", "S2", "S\u00e93", ""],
        "AETERM": ["confused", "a longer term with words", None, "x"],
        "AESEQ": [1, 2, None, 40000],
        "AESTDTC": ["2020-01-02", "2020-01", "UNK", None],
        "SCORE": [1.5, -2.25, None, 1e10],
    }
)


def csv_files() -> list[bytes]:
    return [AE.encode(), AE.replace("\n", "\r\n").encode(), b'"A","B"\n"x ""y""",1\n"two\nlines",2\n' * 3]


def faers_files() -> list[bytes]:
    return [FAERS.encode(), (DATA / "public/FAERS/THER17Q2.txt").read_bytes()[:1500]]


def cp1252_files() -> list[bytes]:
    text = (
        AE.replace(",", "|").replace('"', "").replace("two\n", "two ").replace("confused", "caf\u00e9 \u20ac")
    )
    return [text.encode("cp1252")]


@cache
def _dataset() -> dict[str, object]:
    content: dict[str, object] = json.loads((DATA / "public/MSG-SDTM/dm.json").read_text())
    return content


def json_files() -> list[bytes]:
    small = {**_dataset(), "rows": _dataset()["rows"][:6], "records": "6"}  # type: ignore[index]
    return [json.dumps(small).encode(), json.dumps(small, indent=1).encode()]


def ndjson_files() -> list[bytes]:
    whole = (DATA / "public/MSG-SDTM/dm.ndjson").read_bytes()
    lines = whole.split(b"\n")
    short = b"\n".join(lines[:5]) + b"\n"
    return [whole, short.replace(b'"records": 18', b'"records": 4'), short.replace(b'"records": 18,', b"")]


def dsjc_files() -> list[bytes]:
    return [pack(content) for content in ndjson_files() for pack in (gzip.compress, zlib.compress)]


def xlsx_files() -> list[bytes]:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet("AE")
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        rows = [
            ["ID", "TERM", "N", "DAY"],
            ["a", "confused", 1, None],
            ["b", "x & <y>", 2.5, None],
            ["c", None, -3, 7],
        ]
        for number, values in enumerate(rows):
            sheet.write_row(number, 0, values)
        sheet.write_datetime(1, 3, datetime(2020, 1, 2), day)
    return [buffer.getvalue()]


def parquet_files() -> list[bytes]:
    found = []
    options: list[dict[str, object]] = [
        {"compression": "none", "use_dictionary": False, "write_page_checksum": True},
        {"compression": "none", "use_dictionary": False},
        {"compression": "zstd", "use_dictionary": True},
        {"compression": "snappy", "row_group_size": 2, "data_page_version": "2.0"},
    ]
    for option in options:
        buffer = io.BytesIO()
        parquet.write_table(FRAME.to_arrow(), buffer, **option)
        found.append(buffer.getvalue())
    buffer = io.BytesIO()
    typed = pyarrow.table(
        {"D": [date(2020, 1, 2), None], "T": [datetime(2020, 1, 2, 3), None], "B": [True, None]}
    )
    parquet.write_table(typed, buffer, compression="none")
    return [*found, buffer.getvalue()]


def xpt_files() -> list[bytes]:
    frame = FRAME.with_columns(pl.col("USUBJID").str.replace("\u00e9", "e"), DAY=pl.lit(date(2020, 2, 29)))
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ae.xpt"
        for version in (5, 8):
            pyreadstat.write_xport(
                frame,
                str(path),
                file_format_version=version,
                table_name="AE",
                variable_format={"DAY": "DATE9."},
            )
            found.append(path.read_bytes())
    return found


def sas7bdat_files() -> list[bytes]:
    return [(DATA / "readers/types.sas7bdat").read_bytes()]


def manifest_files() -> list[bytes]:
    public = sorted((DATA / "public").glob("*/study.yaml"))
    texts = [re.sub(r"(?m)^study: .*$", "study: ST-1", path.read_text()) for path in public]
    return [MANIFEST.encode(), *(text.encode() for text in texts)]


def release_files() -> list[bytes]:
    """The name of a table of a release on the first line, its head below."""
    found = []
    for name in FILES:
        lines = (SHIPPED / "1.1.0" / name).read_bytes().split(b"\n")
        rows = next(number for number, line in enumerate(lines) if not line.startswith(b"#"))
        kept = lines[:rows] + lines[rows : rows + 12]
        found.append(name.encode() + b"\n" + b"\n".join(kept) + b"\n")
    return found


def release_yaml_files() -> list[bytes]:
    return [(SHIPPED / name / "release.yaml").read_bytes() for name in ("1.0.0", "1.1.0")]


def overlay_files() -> list[bytes]:
    tables = {content.split(b"\n", 1)[0]: content.split(b"\n", 1)[1] for content in release_files()}
    conventions = tables[b"conventions.tsv"]
    return [OVERLAY.encode() + SPLIT + tables[b"terms.tsv"], OVERLAY.encode() + SPLIT + conventions]


def date_cells() -> list[bytes]:
    cells = (
        *(
            "2017-01-29",
            "2017-01",
            "2017",
            "2017---05",
            "29JAN2017",
            "29-JAN-17",
            "UN-MAR-2017",
            "03/04/2017",
        ),
        *(
            "2017-01-29T10:30:05.5+02:00",
            "20170129",
            "20848",
            "Jan 2017",
            "January 29, 2017",
            "2017-01-29 24:00",
        ),
        *("2017-01-01/2017-02-01", "29.01.2017", "2017-01-29T-:30", "unknown", "31/12/99", "0001-01-01", ""),
    )
    return ["\n".join(cells).encode(), "\n".join(cells[::2]).encode()]


def grade_cells() -> list[bytes]:
    cells = (
        *(
            "3",
            "Grade III",
            "3 - Severe",
            "LIFE-THREATENING",
            "2.5",
            "NA",
            ">=3",
            "1-2",
            "G3",
            "CTCAE Grade: 4",
        ),
        *("Severe (3)", "IV", "5", "4.5", "0", "MILD", ".A", "3,0", "grade-3", "TOXICITY GRADE 2"),
    )
    return ["\n".join(cells).encode()]


def age_cells() -> list[bytes]:
    cells = (
        *(
            "144\tMONTHS",
            "63\t",
            "63 YEARS\t",
            "1.5\tDECADES",
            ">89\t",
            "-3\tYR",
            "12,5\tYEARS",
            "\u221212\tY",
        ),
        *(
            "2-11 YEARS\t",
            ">=12 - <18\t",
            "<12\t",
            "CHILD (2-11)\t",
            "ADULT\t",
            "18 AND OLDER\t",
            "65+\tYEARS",
        ),
    )
    return ["\n".join(cells).encode()]


def word_cells() -> list[bytes]:
    cells = (
        *(
            "Y",
            "No",
            "CTCAE v4.03",
            "ctcae version 5",
            "NOT DONE",
            "Related",
            "POSSIBLE",
            "FATAL",
            "Recovered",
        ),
        *("ongoing", "1", "true", "F", "Male", "UNK", "4.0", "astct", "BEFORE", ".", "N/A", "Not Recovered"),
    )
    return ["\n".join(cells).encode()]


def assessment_cells() -> list[bytes]:
    cells = (
        *(
            "ice_total\t7/10\t",
            "ice_total\t12\t",
            "seizure_duration_min\t90 s\t",
            "arousal\tAwakens to voice\t",
        ),
        *("ice_total\tUNAROUSABLE\t", "seizure_duration_min\t01:02:03\t", "seizure_duration_min\tPT5M\t"),
        *("astct_grade\tIV\t", "astct_grade\t2.5\t", "motor_power_mrc\t4+\t", "capd_total\t9 points\t"),
        *("seizure_duration_min\t5\tHOURS", "papilloedema_stage\tII\t", "ice_naming\t3\t", "sedated\tY\t"),
    )
    return ["\n".join(cells).encode()]


def staging_files() -> list[bytes]:
    return [AE.encode()]
