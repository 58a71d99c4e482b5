"""What happens when a study is wrong or empty: the message a user gets, and that nothing is lost.

Every case runs in a home where a good study is already published; afterwards the warehouse must hold
exactly what it held, read back row by row. A message names the place and the next action and never a
subject.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.cli.running import publish_with_comparisons
from pipelines.home import Home
from pipelines.stages import run_study
from schemas.errors import ManifestError, RegradeError, UnreadableFileError
from tests.end_to_end.homes import (
    PUBLIC,
    Tables,
    ask,
    home_with,
    regrade,
    run,
    warehouse_content,
    write_study,
)

GOOD = Path(__file__).resolve().parents[1] / "golden" / "GOLD-PLAIN"
SUBJECT = "BAD-0815"

MANIFEST = """\
study: BAD
files:
  - {path: ae.csv, role: adverse_events}
  - {path: dm.csv, role: subjects}
  - {path: ex.csv, role: exposure}
grading: {scale: ctcae, version: "5.0"}
infusions: {source: exposure}
"""
AE_HEADER = "STUDYID,USUBJID,AESEQ,AETERM,AEDECOD,AEBODSYS,AETOXGR,AESTDTC,AEENDTC\n"
FILES: dict[str, str | bytes] = {
    "study.yaml": MANIFEST,
    "ae.csv": AE_HEADER
    + f"BAD,{SUBJECT},1,nausea,Nausea,Gastrointestinal disorders,2,2020-03-03,2020-03-04\n"
    + f"BAD,{SUBJECT},2,fever,Fever,General disorders and administration site conditions,1,2020-03-03,\n",
    "dm.csv": f"STUDYID,USUBJID,AGE,AGEU,SEX,DTHFL\nBAD,{SUBJECT},60,YEARS,F,N\nBAD,BAD-0816,61,YEARS,M,N\n",
    "ex.csv": f"STUDYID,USUBJID,EXTRT,EXSTDTC\nBAD,{SUBJECT},CART,2020-03-01\nBAD,BAD-0816,CART,2020-03-02\n",
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = home_with(tmp_path_factory.mktemp("published") / "home", GOOD)
    run_study(home, GOOD.name)
    publish_with_comparisons(home)  # as the commands do
    return home.root


@pytest.fixture
def home(tmp_path: Path, published: Path) -> Home:
    return Home(Path(shutil.copytree(published, tmp_path / "home")))


def refused(home: Home, *, kind: type[RegradeError], holds: tuple[str, ...]) -> str:
    """Run BAD both ways: it fails with this message, the good study stays, the warehouse is untouched."""
    before, run_id = warehouse_content(home), Tables(home, GOOD.name).run.run_id
    with pytest.raises(kind) as failure:
        run_study(home, "BAD")
    message = str(failure.value)
    missing = [text for text in holds if text not in message]
    assert not missing, message
    assert ". Next: " in message
    assert SUBJECT not in message
    done = regrade(home, "run", "BAD")
    assert done.exit_code == 1
    assert " ".join(message.split()) in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr + done.stdout
    assert SUBJECT not in done.stderr + done.stdout
    assert warehouse_content(home) == before
    assert Tables(home, GOOD.name).run.run_id == run_id
    assert not (home.runs / "BAD").exists()
    return message


def accepted(home: Home) -> Tables:
    """Run BAD and publish: it succeeds beside the good study."""
    good = Tables(home, GOOD.name)["core_event_grades"]
    _, tables = run(home, "BAD")
    done = regrade(home, "run")
    assert done.exit_code == 0, done.stderr
    counts = dict(ask(home, "SELECT study_id, count(*) FROM core_event_grades GROUP BY ALL").rows())
    assert counts.get("BAD", 0) == tables["core_event_grades"].height
    assert counts[GOOD.name] == good.height
    assert set(ask(home, "SELECT study_id FROM core_studies")["study_id"]) == {"BAD", GOOD.name}
    return tables


# Studies that are empty in some way, and run


def test_a_study_without_any_neurotoxicity_runs(home: Home) -> None:
    write_study(home, "BAD", FILES)
    tables = accepted(home)
    assert set(tables["core_subject_grades"]["outcome"]) == {"NOT_ICANS"}
    assert tables["core_episodes"].is_empty()
    assert tables["core_unmapped_terms"].is_empty()
    assert set(tables["core_incidence"]["subjects"]) == {0}
    row = tables.row("core_incidence", estimate="icans_high", threshold=1, window_days=30)
    assert (row["denominator"], row["proportion"], row["ci_low"]) == (2, 0.0, 0.0)
    assert 0 < float(str(row["ci_high"])) < 1


def test_an_empty_event_table_is_a_study_without_events(home: Home) -> None:
    write_study(home, "BAD", {**FILES, "ae.csv": AE_HEADER})
    tables = accepted(home)
    study = tables.row("core_studies")
    assert (study["ae_rows_read"], study["ae_rows_valid"], study["subjects"]) == (0, 0, 2)
    assert set(tables["core_subject_grades"]["outcome"]) == {"NOT_ICANS"}
    about_events = tables.rows("core_findings", table_name="core_adverse_events")
    assert {row["status"] for row in about_events if row["denominator"] == 0} == {"not_applicable"}


def test_an_empty_event_table_without_a_header_is_refused(home: Home) -> None:
    write_study(home, "BAD", {**FILES, "ae.csv": ""})
    refused(home, kind=UnreadableFileError, holds=("ae.csv", "empty"))


def test_a_study_without_a_subject_table_names_its_denominator(home: Home) -> None:
    manifest = MANIFEST.replace("  - {path: dm.csv, role: subjects}\n", "")
    write_study(home, "BAD", {**FILES, "study.yaml": manifest})
    tables = accepted(home)
    study = tables.row("core_studies")
    assert study["denominator"] == "subjects with a reported event"
    assert set(tables["core_incidence"]["denominator_name"]) == {"subjects with a reported event"}
    assert set(tables["core_subjects"]["is_in_subject_table"]) == {False}
    assert set(tables["core_subjects"]["population"]) == {"unknown"}
    finding = [row for row in tables["core_findings"].to_dicts() if "SUBJECT-TABLE" in row["rule_id"]]
    assert [row["status"] for row in finding] == ["fail"]


def test_a_subject_table_that_is_listed_but_absent_is_refused(home: Home) -> None:
    write_study(home, "BAD", {name: text for name, text in FILES.items() if name != "dm.csv"})
    refused(home, kind=RegradeError, holds=("dm.csv",))


def test_a_key_with_two_contents_rejects_both_rows_and_is_not_absence(home: Home) -> None:
    rows = AE_HEADER + "".join(
        f"BAD,{SUBJECT},1,confusion,Confusion,Psychiatric disorders,{grade},2020-03-05,2020-03-06\n"
        for grade in (1, 3)
    )
    write_study(home, "BAD", {**FILES, "ae.csv": rows})
    tables = accepted(home)
    rejected = tables["core_rejected_rows"]
    assert rejected["rule_id"].to_list() == ["CHK-KEY-CONFLICT"] * 2
    assert not [reason for reason in rejected["reason"] if SUBJECT in reason]
    row = tables.row("core_subject_grades", subject_id=SUBJECT, infusion_number=0, window_days=30)
    assert (row["low"], row["point"], row["high"], row["outcome"]) == (0, None, 4, "INDETERMINATE")
    assert row["rejected_rows"] == 2
    study = tables.row("core_studies")
    assert (study["ae_rows_read"], study["ae_rows_valid"], study["ae_rows_rejected"]) == (2, 0, 2)


def test_the_same_row_twice_is_one_event(home: Home) -> None:
    row = f"BAD,{SUBJECT},1,confusion,Confusion,Psychiatric disorders,1,2020-03-05,2020-03-06\n"
    write_study(home, "BAD", {**FILES, "ae.csv": AE_HEADER + row + row})
    tables = accepted(home)
    assert tables["core_event_grades"].height == 1
    assert tables["core_rejected_rows"]["rule_id"].to_list() == ["CHK-DUPLICATE-ROW"]


# Manifests and files that are refused


@pytest.mark.parametrize(
    ("old", "new", "holds"),
    [
        ("grading:", "gradng:", ("study.yaml", "gradng", "nearest valid: grading")),
        ("role: subjects", "rol: subjects", ("rol", "nearest valid: role")),
        ("scale: ctcae", "scale: ctcea", ("grading.scale", "ctcea")),
        ('version: "5.0"', "version: 5.0", ("grading.version", "quotes")),
        ('version: "5.0"', 'version: "4.1"', ("4.1", "known: 2.0, 3.0, 4.03, 5.0, 6.0")),
        ("study: BAD", "study: OTHER", ("OTHER", "BAD")),
        ("study: BAD", "study: BAD\nstudy: BAD", ("study.yaml", "study")),
        ("source: exposure", "source: exposures", ("infusions.source", "exposures")),
    ],
)
def test_a_manifest_typo_is_named_with_its_key(
    home: Home, old: str, new: str, holds: tuple[str, ...]
) -> None:
    write_study(home, "BAD", {**FILES, "study.yaml": MANIFEST.replace(old, new, 1)})
    refused(home, kind=ManifestError, holds=holds)


def test_an_unknown_convention_is_refused(home: Home) -> None:
    manifest = MANIFEST.replace('version: "5.0"', 'version: "5.0", conventions: [any_seizure_grade_33]')
    write_study(home, "BAD", {**FILES, "study.yaml": manifest})
    refused(home, kind=RegradeError, holds=("any_seizure_grade_33",))


def test_a_column_the_file_does_not_have_is_refused(home: Home) -> None:
    manifest = MANIFEST.replace(
        "role: adverse_events}", "role: adverse_events, columns: {grade: AETOXGRADE}}"
    )
    write_study(home, "BAD", {**FILES, "study.yaml": manifest})
    refused(home, kind=RegradeError, holds=("AETOXGRADE", "ae.csv"))


def test_a_missing_file_is_named(home: Home) -> None:
    write_study(home, "BAD", {name: text for name, text in FILES.items() if name != "ex.csv"})
    refused(home, kind=RegradeError, holds=("ex.csv",))


def with_xpt(content: bytes, expected_rows: int | None = None) -> dict[str, str | bytes]:
    rows = "" if expected_rows is None else f", expected_rows: {expected_rows}"
    manifest = (
        "study: BAD\nfiles:\n"
        f"  - {{path: ae.xpt, role: adverse_events{rows}}}\n"
        "  - {path: dm.xpt, role: subjects}\n"
        "grading: {scale: severity, verbatim_terms: true}\n"
        "infusions: {source: reference_start}\n"
    )
    return {
        "study.yaml": manifest,
        "ae.xpt": content,
        "dm.xpt": (PUBLIC / "MSG-SDTM" / "dm.xpt").read_bytes(),
    }


AE_XPT = (PUBLIC / "MSG-SDTM" / "ae.xpt").read_bytes()


def test_an_xpt_of_no_bytes_is_refused(home: Home) -> None:
    write_study(home, "BAD", with_xpt(b""))
    refused(home, kind=UnreadableFileError, holds=("ae.xpt", "empty"))


def test_an_xpt_cut_inside_a_record_is_refused(home: Home) -> None:
    write_study(home, "BAD", with_xpt(AE_XPT[:20_037]))
    refused(home, kind=UnreadableFileError, holds=("ae.xpt", "80"))


def test_an_xpt_cut_between_records_is_caught_by_the_expected_rows(home: Home) -> None:
    """XPT version 5 stores no row count, and 40 rows of 434 bytes fill whole records of 80."""
    write_study(home, "BAD", with_xpt(AE_XPT[:23_280], expected_rows=74))
    refused(home, kind=UnreadableFileError, holds=("ae.xpt", "74"))


def test_a_file_that_is_not_what_its_name_says_is_refused(home: Home) -> None:
    write_study(home, "BAD", with_xpt(b"PK\x03\x04" + bytes(400)))
    refused(home, kind=UnreadableFileError, holds=("ae.xpt",))


def test_a_wrong_encoding_names_the_byte_and_the_key(home: Home) -> None:
    text = str(FILES["ae.csv"]).replace("nausea", "naus\u00e9e")
    content = text.encode("cp1252")
    write_study(home, "BAD", {**FILES, "ae.csv": content})
    refused(
        home, kind=UnreadableFileError, holds=("ae.csv", str(content.index(b"\xe9")), "encoding", "cp1252")
    )


def test_the_declared_encoding_reads_the_same_file(home: Home) -> None:
    text = str(FILES["ae.csv"]).replace("nausea", "naus\u00e9e")
    manifest = MANIFEST.replace("role: adverse_events}", "role: adverse_events, encoding: cp1252}")
    write_study(home, "BAD", {**FILES, "ae.csv": text.encode("cp1252"), "study.yaml": manifest})
    assert "naus\u00e9e" in accepted(home)["core_adverse_events"]["verbatim_term"].to_list()


def test_a_study_that_fails_stops_no_other(home: Home) -> None:
    write_study(home, "BAD", {**FILES, "study.yaml": MANIFEST.replace("grading:", "gradng:")})
    listing = home.landing / GOOD.name / "ae.csv"
    listing.write_text(
        listing.read_text().replace(
            "Headache,Nervous system disorders,3", "Headache,Nervous system disorders,2"
        )
    )
    done = regrade(home, "run")
    assert done.exit_code == 1
    assert "BAD failed" in done.stderr
    grades = ask(home, "SELECT source_grade FROM core_event_grades WHERE concept_id = 'headache'")
    assert grades["source_grade"].to_list() == [2]


def test_a_damaged_run_is_not_published_and_the_old_file_stays(home: Home) -> None:
    write_study(home, "BAD", FILES)
    result = run_study(home, "BAD")
    before = warehouse_content(home)
    damaged = result.folder / "core_event_grades.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"X")
    done = regrade(home, "publish")
    assert done.exit_code == 1
    assert "core_event_grades.parquet" in done.stderr
    assert warehouse_content(home) == before
