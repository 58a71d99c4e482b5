"""`regrade init`: the manifest it proposes for real and made-up folders, and what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipelines.cli.init_detect import (
    cell_products,
    date_order_of,
    delimiter_of,
    encoding_of,
    find_columns,
    null_texts,
    role_of_name,
    scale_of_cells,
)
from pipelines.cli.init_manifest import Proposal, propose_manifest, write_manifest
from schemas.errors import ManifestError, UnreadableFileError
from schemas.manifest import StudyManifest, parse_manifest

PUBLIC = Path(__file__).parents[1] / "data" / "public"


def parsed(proposal: Proposal) -> StudyManifest:
    return parse_manifest(YAML(typ="safe", pure=True).load(proposal.text), "study.yaml")


def propose(folder: Path) -> tuple[StudyManifest, str]:
    proposal = propose_manifest(folder)
    return parsed(proposal), "\n".join(proposal.assumptions)


def folder_of(tmp_path: Path, name: str = "STUDY-1", **files: str | bytes) -> Path:
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    for file, content in files.items():
        path = folder / file.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def public(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    shutil.copytree(PUBLIC / name, folder, ignore=shutil.ignore_patterns("study.yaml"))
    return folder


AE = (
    "USUBJID,AESEQ,AETERM,AEDECOD,AETOXGR,AESTDTC\n"
    "1,1,a,Headache,3,2017-03-04\n"
    "2,1,b,Seizure,GRADE 2,2017-03-05\n"
)
DM = "USUBJID,AGE,RFSTDTC\n1,50,2017-03-01\n2,51,2017-03-01\n"


def test_pharmaverse_csv_has_na_and_severity_words(tmp_path: Path) -> None:
    manifest, said = propose(public(tmp_path, "PHARMAVERSE-SDTM"))
    assert manifest.grading.scale == "severity"
    assert {file.role for file in manifest.files} == {"adverse_events", "subjects"}
    assert all(file.null_values == ("NA",) for file in manifest.files)
    assert manifest.files[0].columns == {"grade": "AESEV"}
    assert manifest.infusions.source == "reference_start"
    assert manifest.infusions.note is not None
    assert "stands for the infusion" in said


def test_adam_folder(tmp_path: Path) -> None:
    manifest, _ = propose(public(tmp_path, "PHARMAVERSE-ADAM"))
    assert [file.path for file in manifest.files] == ["adae.csv", "adsl.csv"]


def test_sdtm_before_adam(tmp_path: Path) -> None:
    adae = AE.replace("AESTDTC", "ASTDT")
    manifest, _ = propose(folder_of(tmp_path, ae__csv=AE, adae__csv=adae, dm__csv=DM, adsl__csv=DM))
    assert [file.path for file in manifest.files] == ["ae.csv", "dm.csv"]


def test_copies_in_other_formats_are_named_and_not_used(tmp_path: Path) -> None:
    proposal = propose_manifest(public(tmp_path, "MSG-SDTM"))
    paths = [file.path for file in parsed(proposal).files]
    assert paths == ["ae.xpt", "dm.xpt"]
    assert "# not used: ae.ndjson (a copy in another format)" in proposal.text


def test_faers_is_found_by_its_columns(tmp_path: Path) -> None:
    manifest, _ = propose(public(tmp_path, "FAERS"))
    events = manifest.files[0]
    assert (events.path, events.delimiter) == ("REAC17Q2.txt", "$")
    assert events.columns == {"subject_id": "primaryid", "preferred_term": "pt"}
    assert (manifest.grading.scale, manifest.infusions.source) == ("none", "none")


def test_xpt_v8(tmp_path: Path) -> None:
    manifest, _ = propose(public(tmp_path, "XPTV8"))
    assert manifest.grading.scale == "severity"
    assert manifest.files[0].path == "ae_v8.xpt"


def test_without_a_subject_table_the_denominator_is_said(tmp_path: Path) -> None:
    assert "rates are of subjects with a reported event" in propose(folder_of(tmp_path, ae__csv=AE))[1]


def test_numeric_grades_are_ctcae_without_a_version(tmp_path: Path) -> None:
    proposal = propose_manifest(folder_of(tmp_path, ae__csv=AE, dm__csv=DM))
    manifest = parsed(proposal)
    assert (manifest.grading.scale, manifest.grading.version) == ("ctcae", None)
    assert '# version: "4.03"  # ADD IT' in proposal.text
    assert any("do not say which version" in text for text in proposal.assumptions)


def test_empty_toxicity_grade_gives_way_to_severity(tmp_path: Path) -> None:
    table = "USUBJID,AESEQ,AETERM,AETOXGR,AESEV\n1,1,a,,MILD\n"
    manifest, _ = propose(folder_of(tmp_path, ae__csv=table))
    assert manifest.grading.scale == "severity"
    assert manifest.files[0].columns == {"grade": "AESEV"}
    assert manifest.grading.verbatim_terms


def test_coded_severity_is_no_ctcae_grade(tmp_path: Path) -> None:
    manifest, _ = propose(folder_of(tmp_path, ae__csv="USUBJID,AETERM,AESEVN\n1,a,2\n"))
    assert manifest.grading.scale == "severity"


def test_no_grade_at_all_and_an_empty_table(tmp_path: Path) -> None:
    assert propose(folder_of(tmp_path, "A", ae__csv="USUBJID,AETERM\n1,a\n"))[0].grading.scale == "none"
    assert propose(folder_of(tmp_path, "B", ae__csv="USUBJID,AETERM,AETOXGR\n"))[0].grading.scale == "none"


def test_sponsor_layout_delimiter_encoding_and_date_order(tmp_path: Path) -> None:
    table = (
        "Subject No;AE No;Event Term;Coded Term;Tox Grade;Onset Date;Stop Date;NEUROTOX_YN\n"
        "01;1;ged\u00e4chtnis;Amnesia;2;13/04/2017;20/04/2017;Y\n"
    ).encode("cp1252")
    doses = "Subject No;Product;Infusion Date\n01;X;01/04/2017\n"
    proposal = propose_manifest(folder_of(tmp_path, adverse_events__csv=table, infusions__csv=doses))
    manifest = parsed(proposal)
    events, infusions = manifest.files
    assert (events.delimiter, events.encoding, events.date_order) == (";", "latin-1", "day_first")
    assert events.columns["start"] == "Onset Date"
    assert events.columns["verbatim_term"] == "Event Term"
    assert "sponsor_neurotoxicity" not in events.columns
    assert "sponsor_neurotoxicity: NEUROTOX_YN  # uncomment" in proposal.text
    assert manifest.infusions.source == "table"
    assert infusions.date_order is None
    assert "# date_order: day_first  # ADD IT (or month_first): no date settles the order" in proposal.text


def test_cell_product_rows_of_ex_are_the_infusions(tmp_path: Path) -> None:
    doses = "USUBJID,EXTRT,EXSTDTC\n1,FLUDARABINE,2017-02-25\n1,AXICABTAGENE CILOLEUCEL,2017-03-01\n"
    manifest, _ = propose(folder_of(tmp_path, ae__csv=AE, dm__csv=DM, ex__csv=doses))
    assert manifest.infusions.source == "exposure"
    assert manifest.infusions.products == ("AXICABTAGENE CILOLEUCEL",)
    assert [file.role for file in manifest.files] == ["adverse_events", "subjects", "exposure"]


def test_first_dose_stands_in_where_only_other_drugs_are_given(tmp_path: Path) -> None:
    doses = "USUBJID,EXTRT,EXSTDTC\n1,PLACEBO,2017-02-25\n1,PLACEBO,2017-03-01\n"
    manifest, _ = propose(folder_of(tmp_path, ae__csv=AE, ex__csv=doses))
    assert (manifest.infusions.source, manifest.infusions.first_only) == ("exposure", True)


def test_unfilled_reference_start_is_not_used(tmp_path: Path) -> None:
    manifest, _ = propose(folder_of(tmp_path, ae__csv=AE, dm__csv="USUBJID,RFSTDTC\n1,\n2,\n"))
    assert manifest.infusions.source == "none"


def test_first_treatment_is_taken_from_where_it_is_filled(tmp_path: Path) -> None:
    empty = "USUBJID,RFSTDTC,RFXSTDTC\n1,,\n2,,\n"
    first, _ = propose(folder_of(tmp_path, "A", ae__csv=AE, dm__csv=empty.replace("1,,", "1,,2017-03-01")))
    assert first.files[1].columns == {"reference_start": "RFXSTDTC"}
    adsl = "USUBJID,TRTSDT\n1,2017-03-01\n2,2017-03-01\n"
    second, _ = propose(folder_of(tmp_path, "B", ae__csv=AE, dm__csv=empty, adsl__csv=adsl))
    assert (second.files[1].path, second.infusions.source) == ("adsl.csv", "reference_start")


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    doses = 'USUBJID,EXTRT,EXSTDTC\n1,"CAR-T ""x"": [a] \u0085# b",2017-03-01\n'
    folder = folder_of(tmp_path, "NO", ae__csv=AE, dm__csv=DM, ex__csv=doses)
    (folder / "not: used #1.csv").write_text("a,b\n1,2\n")
    manifest, _ = propose(folder)
    assert manifest.study == "NO"
    assert manifest.infusions.products == ('CAR-T "x": [a] \u0085# b',)


def test_links_out_of_the_folder_are_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text(DM)
    folder = folder_of(tmp_path, ae__csv=AE)
    (folder / "dm.csv").symlink_to(outside)
    assert [file.path for file in propose(folder)[0].files] == ["ae.csv"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "holds no data file"),
        ({"notes__csv": "a,b\n1,2\n"}, "no adverse-event table found"),
        ({"relrec__csv": "USUBJID,RELID\n1,2\n"}, "no adverse-event table found"),
    ],
)
def test_refuses_a_folder_without_events(tmp_path: Path, files: dict[str, str], words: str) -> None:
    with pytest.raises(ManifestError, match=words) as failure:
        propose_manifest(folder_of(tmp_path, **files))
    assert failure.value.next_action


def test_an_unreadable_only_candidate_says_why(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError):
        propose_manifest(folder_of(tmp_path, ae__xpt=b""))


def test_the_folder_must_exist_and_be_named_like_a_study(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no such folder"):
        propose_manifest(tmp_path / "nowhere")
    with pytest.raises(ManifestError, match=r"rename the folder, e\.g\. to my-study"):
        propose_manifest(folder_of(tmp_path, "my study!", ae__csv=AE))


def test_an_existing_manifest_is_kept_unless_forced(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ae__csv=AE)
    proposal = propose_manifest(folder)
    write_manifest(proposal)
    with pytest.raises(ManifestError, match="already has a manifest"):
        write_manifest(proposal)
    (folder / "study.yaml").write_text("mine")
    write_manifest(proposal, force=True)
    assert (folder / "study.yaml").read_text() == proposal.text
    assert sorted(path.name for path in folder.iterdir()) == ["ae.csv", "study.yaml"]


def test_the_same_folder_gives_the_same_text(tmp_path: Path) -> None:
    first = propose_manifest(public(tmp_path, "RHO")).text
    assert first == propose_manifest(tmp_path / "RHO").text


@pytest.mark.parametrize(
    ("stem", "role"),
    [
        ("ae", "adverse_events"),
        ("SDTM_AE", "adverse_events"),
        ("adae_subset", "adverse_events"),
        ("dm", "subjects"),
        ("adsl", "subjects"),
        ("ex", "exposure"),
        ("infusions", "infusions"),
        ("sedation", "sedation"),
        ("suppae", None),
        ("dict_adverse-events", None),
        ("faers", None),
        ("index", None),
    ],
)
def test_role_of_name(stem: str, role: str | None) -> None:
    assert role_of_name(stem) == role


def test_detection_of_cells() -> None:
    assert scale_of_cells(["", "3.0", "2"]) == "ctcae"
    assert scale_of_cells(["3 - Severe", "Life-threatening"]) == "ctcae"
    assert scale_of_cells(["Severe", "Life-threatening"]) == "severity"
    assert scale_of_cells(["", "unknown"]) is None
    assert date_order_of(["13/04/2017", "2017-04-13"]) == ("day_first", 1, False)
    assert date_order_of(["04-13-2017"]) == ("month_first", 1, False)
    assert date_order_of(["04/05/2017"]) == (None, 1, False)
    assert date_order_of(["13/04/2017", "04/13/2017"]) == (None, 2, True)
    assert encoding_of("\u00e9".encode()) == "utf-8"
    assert encoding_of("\u2019".encode("cp1252")) == "cp1252"
    assert encoding_of("\u00e9".encode("latin-1")) == "latin-1"
    assert encoding_of(b"\x81") == "latin-1"
    assert delimiter_of('a,b\n"1;2;3",4\n') == ","
    assert delimiter_of("a|b\n1|2\n") == "|"
    assert null_texts({"start": [".", "NA"], "verbatim_term": ["."]}) == {".": 1, "NA": 1}
    assert cell_products(["FLUDARABINE", "Axi-cel", "CAR T CELLS", "CELECOXIB"]) == ["Axi-cel", "CAR T CELLS"]
    assert find_columns("subjects", ["usubjid", "Rfstdtc"]) == {
        "subject_id": "usubjid",
        "reference_start": "Rfstdtc",
    }
