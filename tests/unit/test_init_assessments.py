"""`regrade init` on assessments, cytokine release and history: what it maps, what it leaves to a person."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from ruamel.yaml import YAML

from pipelines.cli.init_assessments import item_of
from pipelines.cli.init_manifest import propose_manifest, write_manifest
from pipelines.ingest.checking import check_study
from pipelines.ingest.staging import stage_study
from pipelines.ingest.study import read_manifest, read_study
from schemas.assessment_items import ITEMS
from schemas.manifest import FileSpec, StudyManifest, parse_manifest

GOLDEN = Path(__file__).parents[1] / "golden"
AE = "USUBJID,AESEQ,AETERM,AEDECOD,AETOXGR,AESTDTC\n1,1,a,Headache,3,2017-03-04\n2,1,b,Seizure,2,2017-03-05\n"
DM = "USUBJID,AGE,RFSTDTC\n1,50,2017-03-01\n2,51,2017-03-01\n"
QS = (
    "USUBJID,QSTESTCD,QSTEST,QSORRES,QSSTRESC,QSDTC\n"
    "1,ICETOT,ICE-Total Score,7,7,2017-03-04\n"
    "1,ICEX1,ICE-Something,1,1,2017-03-04\n"
    "1,EQ5D01,Mobility,1,1,2017-03-04\n"
)
WIDE = (
    "SUBJECT,ASSESSMENT_DATE,ICE_TOTAL,CAPD,Arousal,Weight,Sedated,ICE_MOOD\n"
    "1,2017-03-04,7,,to voice,70,N,2\n"
)


def folder_of(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "STUDY-1"
    folder.mkdir()
    for name, content in ({"ae__csv": AE, "dm__csv": DM} | files).items():
        (folder / name.replace("__", ".")).write_text(content, encoding="utf-8")
    return folder


def propose(folder: Path) -> tuple[StudyManifest, str, str]:
    proposal = propose_manifest(folder)
    manifest = parse_manifest(YAML(typ="safe", pure=True).load(proposal.text), "study.yaml")
    return manifest, proposal.text, "\n".join(proposal.assumptions)


def files_of(manifest: StudyManifest, role: str) -> list[FileSpec]:
    return [file for file in manifest.files if file.role == role]


def run(folder: Path) -> dict[str, pl.DataFrame]:
    """Write the proposal and read the study with it, as a run does."""
    write_manifest(propose_manifest(folder))
    manifest = read_manifest(folder)
    return check_study(stage_study(read_study(folder, manifest)), manifest)


def test_qs_is_mapped_where_the_code_is_known_and_the_rest_is_left_to_a_person(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, qs__csv=QS)
    manifest, text, said = propose(folder)
    (file,) = files_of(manifest, "assessments")
    assert (file.codes, file.items, file.columns) == ({"ICETOT": "ice_total"}, {}, {})
    assert "# ICEX1: ...  # MAP IT" in text
    assert "EQ5D01" not in text
    assert "not mapped: ICEX1" in said
    tables = run(folder)
    assert tables["core_assessments"].select("item", "value").rows() == [("ice_total", 7.0)]


def test_a_wide_table_is_mapped_by_its_column_names(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ice__csv=WIDE)
    manifest, text, said = propose(folder)
    (file,) = files_of(manifest, "assessments")
    assert "# ...: ICE_MOOD  # MAP IT" in text
    assert file.items == {"ice_total": "ICE_TOTAL", "capd_total": "CAPD", "arousal": "Arousal"}
    assert file.columns == {"subject_id": "SUBJECT", "date": "ASSESSMENT_DATE", "sedated": "Sedated"}
    assert "items: ice_total from ICE_TOTAL" in said
    tables = run(folder)
    assert tables["core_assessments"].select("item", "is_sedated").rows() == [
        ("arousal", False),
        ("ice_total", False),
    ]


def test_several_assessment_files_are_all_used_and_copies_are_not(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, qs__csv=QS, ft__csv=QS.replace("QS", "FT"), qs__tsv=QS.replace(",", "\t"))
    manifest, text, _ = propose(folder)
    assert [file.path for file in files_of(manifest, "assessments")] == ["ft.csv", "qs.csv"]
    assert "qs.tsv (a copy in another format)" in text


def test_supplemental_qualifiers_only_with_an_icans_name(tmp_path: Path) -> None:
    with_icans = "USUBJID,RDOMAIN,IDVAR,IDVARVAL,QNAM,QVAL\n1,AE,AESEQ,1,ICANSGR,2\n1,AE,AESEQ,1,AETRTEM,Y\n"
    folder = folder_of(tmp_path, suppae__csv=with_icans)
    (file,) = files_of(propose(folder)[0], "assessments")
    assert file.codes == {"ICANSGR": "astct_grade"}
    (row,) = run(folder)["core_assessments"].to_dicts()
    assert (row["value"], row["assessed_earliest"].day) == (2.0, 4)
    (folder / "suppae.csv").write_text(with_icans.replace("ICANSGR", "AESOSP"), encoding="utf-8")
    (folder / "study.yaml").unlink()
    manifest, text, _ = propose(folder)
    assert not files_of(manifest, "assessments")
    assert "suppae.csv (looks like assessments by its name, but no ICE, CAPD or ICANS code" in text


def test_clinical_events_are_used_for_their_cytokine_release_only(tmp_path: Path) -> None:
    header = "USUBJID,CETERM,CEDECOD,CESTDTC,CEENDTC,CETOXGR\n"
    rows = "1,crs,Cytokine release syndrome,2017-03-02,2017-03-04,2\n1,rash,Rash,2017-03-02,,1\n"
    folder = folder_of(tmp_path, ce__csv=header + rows)
    (file,) = files_of(propose(folder)[0], "crs")
    assert file.where == {"CEDECOD": ("Cytokine release syndrome",)}
    assert run(folder)["core_crs"]["grade"].to_list() == [2]


def test_clinical_events_without_cytokine_release_are_not_used(tmp_path: Path) -> None:
    rows = "USUBJID,CETERM,CESTDTC\n1,rash,2017-03-02\n"
    manifest, text, _ = propose(folder_of(tmp_path, ce__csv=rows))
    assert not files_of(manifest, "crs")
    assert "ce.csv (holds no row of cytokine release syndrome)" in text


def test_a_table_named_after_cytokine_release_is_used_as_a_whole(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, crs__csv="SUBJECT,CRS_START,CRS_END,CRS_GRADE\n1,2017-03-02,2017-03-04,2\n")
    (file,) = files_of(propose(folder)[0], "crs")
    assert file.columns == {
        "subject_id": "SUBJECT",
        "grade": "CRS_GRADE",
        "start": "CRS_START",
        "end": "CRS_END",
    }
    assert run(folder)["core_crs"].height == 1


def test_medical_history_is_used(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, mh__csv="USUBJID,MHTERM,MHDECOD,MHSTDTC\n1,fits,Epilepsy,2010\n")
    assert files_of(propose(folder)[0], "medical_history")
    assert run(folder)["core_medical_history"].height == 1


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (
            "rs__csv",
            "USUBJID,RSTESTCD,RSSTRESC,RSDTC\n1,OVRLRESP,CR,2017-03-04\n",
            "no ICE, CAPD or ICANS code",
        ),
        (
            "qs__csv",
            "USUBJID,QSTESTCD,QSSTRESC,QSDTC\n1,ICEX1,1,2017-03-04\n",
            "which is which must be said: ICEX1",
        ),
        ("qs__csv", "USUBJID,QSTESTCD,QSDTC\n1,ICETOT,2017-03-04\n", "no value or date column"),
        ("ice__csv", "WHO,ICE_TOTAL\n1,7\n", "no subject or date column"),
        ("mh__csv", "A,B\n1,2\n", "columns are not recognised"),
        ("lb__csv", "USUBJID,ICE_TOTAL,DATE\n1,7,2017-03-04\n", "not recognised by its name"),
    ],
)
def test_what_cannot_be_mapped_is_left_out_and_said(
    tmp_path: Path, name: str, content: str, reason: str
) -> None:
    manifest, text, _ = propose(folder_of(tmp_path, **{name: content}))
    assert {file.role for file in manifest.files} == {"adverse_events", "subjects"}
    assert reason in text


def test_hostile_codes_stay_on_their_comment_line(tmp_path: Path) -> None:
    codes = QS.replace("ICEX1", '"ICE\u2028x: [1"').replace("EQ5D01", '"ICE: y #"')
    manifest, _, _ = propose(folder_of(tmp_path, qs__csv=codes))
    (file,) = files_of(manifest, "assessments")
    assert file.codes == {"ICETOT": "ice_total"}


@pytest.mark.parametrize("form", ["GOLD-ICE-WIDE", "GOLD-ICE-LONG", "GOLD-ICE-QS"])
def test_a_proposal_for_real_forms_runs(form: str, tmp_path: Path) -> None:
    folder = tmp_path / form
    shutil.copytree(GOLDEN / form, folder, ignore=shutil.ignore_patterns("study.yaml", "expected"))
    tables = run(folder)
    assert tables["core_subjects"].height == 11
    assert (tables["core_assessments"].height > 0) is (form == "GOLD-ICE-QS")


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("ICE_TOTAL", "ice_total"),
        ("IceScore", "ice_total"),
        ("ICE", "ice_total"),
        ("ICEYEAR", "ice_year"),
        ("CAPDTOT", "capd_total"),
        ("ICANS grade", "astct_grade"),
        ("CRES_GRADE", "cres_grade"),
        ("CARTOX10", "cartox_total"),
        ("seizure_duration_min", "seizure_duration_min"),
        ("ICE01", None),
        ("PRICE", None),
        ("ICEPACK", None),
        ("DEVICE", None),
        ("ICANSFL", None),
    ],
)
def test_only_whole_names_are_items(name: str, item: str | None) -> None:
    assert item_of(name) == item


def test_every_item_goes_by_its_own_name() -> None:
    assert {item: item_of(item) for item in ITEMS} == {item: item for item in ITEMS}
