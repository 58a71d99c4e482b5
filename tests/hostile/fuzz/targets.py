"""What is fuzzed: each reader, the staging parsers, the manifest and the mapping loader.

A target takes bytes and either refuses them with a `RegradeError` that names the file and the next action,
or gives values that pass their oracle; anything else it does is a failure. Where files are needed they are
written into the folder given, which is the target's own.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mappings.overlay_file import read_overlay
from mappings.release_file import read_release_file
from mappings.sheets import FILES, read_sheet
from pipelines.ingest.raw import RawTable
from pipelines.ingest.readers import read_table
from pipelines.ingest.study import read_manifest
from schemas.errors import RegradeError
from schemas.manifest import FileSpec
from tests.hostile.fuzz import cells, oracles, seeds

Run = Callable[[bytes, Path], None]


@dataclass(frozen=True)
class Target:
    """`share` of the files of a long run; `guided`: its code is Python's, so coverage can guide."""

    name: str
    seeds: Callable[[], list[bytes]]
    run: Run
    share: int
    guided: bool = False
    packing: Literal["plain", "zip", "stream"] = "plain"


def attempt(target: Target, content: bytes, folder: Path) -> bool:
    """Run one case: True if values came back, False if it was refused as it should be."""
    try:
        target.run(content, folder)
    except RegradeError as failure:
        refused = failure
    else:
        return True
    assert refused.next_action, "no next action"
    assert str(folder) not in str(refused), "the message holds a path of this machine"
    return False


def _table(content: bytes, folder: Path, name: str, **options: Any) -> RawTable:
    path = folder / name
    path.write_bytes(content)
    try:
        table = read_table(path, FileSpec(path=name, role="adverse_events", **options))
    except RegradeError as failure:
        refused = failure
    else:
        oracles.assert_accounted(table)
        return table
    assert refused.file == name, "another file is named"
    assert refused.rule_id, "no rule"
    raise refused


def _csv(content: bytes, folder: Path) -> None:
    oracles.assert_delimited(content, _table(content, folder, "ae.csv"), "utf-8", ",", quoted=True)


def _faers(content: bytes, folder: Path) -> None:
    table = _table(content, folder, "ae.txt", delimiter="$")
    oracles.assert_delimited(content, table, "utf-8", "$", quoted=False)


def _cp1252(content: bytes, folder: Path) -> None:
    table = _table(content, folder, "ae.psv", encoding="cp1252", delimiter="|")
    oracles.assert_delimited(content, table, "cp1252", "|", quoted=True)


def _json(content: bytes, folder: Path) -> None:
    oracles.assert_json(content, _table(content, folder, "dm.json"))


def _ndjson(content: bytes, folder: Path) -> None:
    oracles.assert_ndjson(content, _table(content, folder, "dm.ndjson"))


def _dsjc(content: bytes, folder: Path) -> None:
    table = _table(content, folder, "dm.dsjc")
    unpack = gzip.decompress if content.startswith(b"\x1f\x8b") else zlib.decompress
    oracles.assert_ndjson(unpack(content), table)


def _xlsx(content: bytes, folder: Path) -> None:
    oracles.assert_workbook(content, _table(content, folder, "ae.xlsx"))


def _parquet(content: bytes, folder: Path) -> None:
    table = _table(content, folder, "ae.parquet")
    if b"\x28\xb5\x2f\xfd" not in content and b"snappy" not in content.lower():
        oracles.assert_texts_are_bytes(content, table, ("USUBJID", "AETERM", "AESTDTC"))


def _xpt(content: bytes, folder: Path) -> None:
    oracles.assert_transport(content, _table(content, folder, "ae.xpt"))


def _sas7bdat(content: bytes, folder: Path) -> None:
    table = _table(content, folder, "ae.sas7bdat")
    codec = {"WINDOWS-1252": "cp1252", "UTF-8": "utf-8", "ISO-8859-1": "latin-1"}.get(table.notes["encoding"])
    if codec is not None:
        oracles.assert_texts_are_bytes(content, table, ("text_row",), codec)


def _manifest(content: bytes, folder: Path) -> None:
    study = folder / "ST-1"
    study.mkdir(exist_ok=True)
    (study / "study.yaml").write_bytes(content)
    manifest = read_manifest(study)
    assert manifest.study == "ST-1"
    # A path over several lines is folded; one in double quotes may hold escapes.
    text = "".join(content.decode("utf-8-sig").split())
    assert all("".join(file.path.split()) in text or "\\" in text for file in manifest.files), "a path"


def _release(content: bytes, folder: Path) -> None:
    name, _, rest = content.partition(b"\n")
    file = name.decode("utf-8", "replace")
    if file not in FILES:
        file = "terms.tsv"
    path = folder / "9.9.9" / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(rest)
    sheet, problems = read_sheet(path, "9.9.9")
    for problem in problems:
        raise problem.error()
    assert sheet is not None, "neither a table nor a fault"
    text = rest.decode()
    assert all(cell in text for column in sheet.raw.iter_columns() for cell in column)
    assert sheet.raw.height == sheet.frame.height
    assert rest.count(b"\n") == sheet.raw.height + (sheet.first_line or 0) - 1


def _release_yaml(content: bytes, folder: Path) -> None:
    path = folder / "release.yaml"
    path.write_bytes(content)
    about = read_release_file(path)
    assert about.release_id in content.decode("utf-8-sig")


def _overlay(content: bytes, folder: Path) -> None:
    about, _, table = content.partition(seeds.SPLIT)
    name = "conventions.tsv" if table.startswith(b"convention_id") else "terms.tsv"
    place = folder / "acme"
    place.mkdir(exist_ok=True)
    for old in place.iterdir():
        old.unlink()
    (place / "overlay.yaml").write_bytes(about)
    (place / name).write_bytes(table)
    overlay = read_overlay(place)
    assert overlay.name == "acme"
    overlay.fits("1.0.0")


TARGETS = (
    Target("csv", seeds.csv_files, _csv, 10, guided=True),
    Target("faers", seeds.faers_files, _faers, 5, guided=True),
    Target("cp1252", seeds.cp1252_files, _cp1252, 5, guided=True),
    Target("json", seeds.json_files, _json, 5, guided=True),
    Target("ndjson", seeds.ndjson_files, _ndjson, 7, guided=True),
    Target("dsjc", seeds.dsjc_files, _dsjc, 6, packing="stream"),
    Target("xlsx", seeds.xlsx_files, _xlsx, 8, packing="zip"),
    Target("parquet", seeds.parquet_files, _parquet, 9),
    Target("xpt", seeds.xpt_files, _xpt, 10),
    Target("sas7bdat", seeds.sas7bdat_files, _sas7bdat, 6),
    Target("manifest", seeds.manifest_files, _manifest, 4, guided=True),
    Target("release_table", seeds.release_files, _release, 6, guided=True),
    Target("release_yaml", seeds.release_yaml_files, _release_yaml, 1, guided=True),
    Target("overlay", seeds.overlay_files, _overlay, 2, guided=True),
    Target("dates", seeds.date_cells, cells.dates, 5, guided=True),
    Target("grades", seeds.grade_cells, cells.grades, 3, guided=True),
    Target("ages", seeds.age_cells, cells.ages, 3, guided=True),
    Target("words", seeds.word_cells, cells.words, 2, guided=True),
    Target("assessments", seeds.assessment_cells, cells.assessments, 3, guided=True),
    Target("staging", seeds.staging_files, cells.staging, 1),
)
BY_NAME = {target.name: target for target in TARGETS}
