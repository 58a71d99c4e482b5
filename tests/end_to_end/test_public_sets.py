"""Public data sets in every format, from file to outcome: rows accounted for, known terms, equal results.

Where the files come from and what was trimmed stands in `tests/data/public/SOURCES.md`.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import polars as pl
import pytest

from tests.end_to_end.homes import PUBLIC, SHIPPED, Tables, home_with, run

RESULTS = (
    "core_adverse_events",
    "core_event_grades",
    "core_subject_grades",
    "core_episodes",
    "diff_scale_subjects",
)
PLACES = ("source_file", "source_row")


def results(tables: Tables) -> dict[str, pl.DataFrame]:
    """What must not depend on the format: everything but the name of the file."""
    return {name: tables[name].drop(PLACES, strict=False) for name in RESULTS}


def dispositions(tables: Tables) -> dict[str, int]:
    return dict(tables["core_event_grades"]["disposition"].value_counts().rows())


def accounted(tables: Tables, read: int, rejected: int = 0) -> None:
    study = tables.row("core_studies")
    assert (study["ae_rows_read"], study["ae_rows_rejected"]) == (read, rejected)
    assert study["ae_rows_valid"] == tables["core_event_grades"].height == read - rejected


def with_suffix(folder: Path, suffix: str) -> None:
    """Point the manifest at the same tables in another form."""
    manifest = folder / "study.yaml"
    text = manifest.read_text()
    for old in ("xpt", "dsjc"):
        text = text.replace(f".{old},", f".{suffix},")
    manifest.write_text(text)


# Dataset-JSON against XPT, SDTM


@pytest.fixture(scope="module")
def sdtm_xpt(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    home = home_with(tmp_path_factory.mktemp("sdtm"), PUBLIC / "MSG-SDTM")
    return run(home, "MSG-SDTM")[1]


@pytest.mark.parametrize("suffix", ["json", "ndjson", "dsjc"])
def test_dataset_json_gives_what_xpt_gives(sdtm_xpt: Tables, tmp_path: Path, suffix: str) -> None:
    home = home_with(tmp_path, PUBLIC / "MSG-SDTM")
    with_suffix(home.landing / "MSG-SDTM", suffix)
    found = results(run(home, "MSG-SDTM")[1])
    for name, wanted in results(sdtm_xpt).items():
        assert found[name].equals(wanted), name


def test_uncoded_sdtm_is_decided_by_the_verbatim_term(sdtm_xpt: Tables) -> None:
    accounted(sdtm_xpt, 74)
    by_term = sdtm_xpt["core_adverse_events"].join(
        sdtm_xpt["core_event_grades"], on=["subject_id", "event_id"], suffix="_g"
    )
    methods = dict(by_term.group_by("match_method").len().rows())
    assert set(methods) <= {"verbatim_term", "none"}
    for term, count in {"DIZZINESS": 5, "HEADACHE": 3, "BALANCE DISORDER": 1}.items():
        rows = by_term.filter(pl.col("verbatim_term") == term)
        assert (rows.height, set(rows["high"])) == (count, {0}), term
    lethargy = by_term.row(by_term["verbatim_term"].to_list().index("LETHARGY"), named=True)
    assert (lethargy["subject_id"], lethargy["low"], lethargy["point"], lethargy["high"]) == (
        "CDISC018",
        0,
        1,
        3,
    )
    confusion = by_term.row(by_term["verbatim_term"].to_list().index("CONFUSIONAL STATE"), named=True)
    assert (confusion["window_status"], confusion["onset_day_earliest"]) == ("late", 57)


def test_without_verbatim_matching_an_uncoded_table_decides_nothing(tmp_path: Path) -> None:
    home = home_with(tmp_path, PUBLIC / "MSG-SDTM")
    manifest = home.landing / "MSG-SDTM" / "study.yaml"
    manifest.write_text(manifest.read_text().replace(", verbatim_terms: true", ""))
    tables = run(home, "MSG-SDTM")[1]
    assert dispositions(tables) == {"unmapped": 74}
    assert set(tables["core_event_grades"]["high"]) <= {4, 5}


def test_a_screen_failure_is_not_evaluable(sdtm_xpt: Tables) -> None:
    row = sdtm_xpt.row("core_subject_grades", subject_id="CDISC015", infusion_number=0, window_days=30)
    assert (row["outcome"], row["is_infused"]) == ("NOT_EVALUABLE", False)
    assert sdtm_xpt.row("core_studies")["subjects_infused"] == 17


# XPT version 8


def test_xpt_version_8_is_read_like_version_5(sdtm_xpt: Tables, tmp_path: Path) -> None:
    """The version 8 file holds the same events with a few flags spoilt on purpose; grades agree."""
    tables = run(home_with(tmp_path, PUBLIC / "XPTV8"), "XPTV8")[1]
    accounted(tables, 74)
    columns = [
        "subject_id",
        "event_id",
        "concept_id",
        "source_grade",
        "low",
        "point",
        "high",
        "window_status",
    ]
    found = tables["core_event_grades"].select(columns)
    wanted = sdtm_xpt["core_event_grades"].select(columns)
    differing = found.join(wanted, on=columns, how="anti", nulls_equal=True)
    spoilt = {(row["subject_id"], row["event_id"]) for row in differing.to_dicts()}
    assert len(spoilt) <= 1
    problems = tables["core_parse_problems"]["text"].to_list()
    assert "U" in problems or tables["core_adverse_events"]["is_serious"].null_count() == 2


# ADaM


@pytest.fixture(scope="module")
def adam(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    home = home_with(tmp_path_factory.mktemp("adam"), PUBLIC / "MSG-ADAM")
    return run(home, "MSG-ADAM")[1]


def test_every_adam_row_is_accounted_for(adam: Tables) -> None:
    accounted(adam, 1191)
    study = adam.row("core_studies")
    assert (study["subjects"], study["subjects_infused"]) == (254, 254)
    assert dispositions(adam)["out_of_scope"] > 800


def test_an_imputed_adam_date_is_the_month_it_stands_for(adam: Tables) -> None:
    """ASTDTF = D says that the day of ASTDT was imputed: nothing imputed passes as recorded."""
    row = adam.row("core_adverse_events", subject_id="01-701-1148", event_id="8")
    assert row["start_precision"] == "month"
    precision = dict(adam["core_adverse_events"]["start_precision"].value_counts().rows())
    assert precision["month"] == 15


@pytest.mark.parametrize("suffix", ["json", "ndjson"])
def test_adam_in_other_json_forms_gives_the_same(adam: Tables, tmp_path: Path, suffix: str) -> None:
    home = home_with(tmp_path, PUBLIC / "MSG-ADAM")
    folder = home.landing / "MSG-ADAM"
    for table in ("adae", "adsl"):
        document = read_compressed(folder / f"{table}.dsjc")
        rows = document.pop("rows")
        if suffix == "json":
            text = json.dumps({**document, "rows": rows})
        else:
            text = "\n".join(json.dumps(line) for line in (document, *rows)) + "\n"
        (folder / f"{table}.{suffix}").write_text(text)
    with_suffix(folder, suffix)
    found = results(run(home, "MSG-ADAM")[1])
    for name, wanted in results(adam).items():
        assert found[name].equals(wanted), name


def read_compressed(path: Path) -> dict[str, list[object]]:
    text = zlib.decompress(path.read_bytes(), zlib.MAX_WBITS | 32).decode()
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        head, *rows = text.splitlines()
        return {**json.loads(head), "rows": [json.loads(row) for row in rows]}


def test_adam_xpt_gives_what_its_json_rows_give(adam: Tables, tmp_path: Path) -> None:
    """Two sites as SAS XPT: dates are SAS day numbers there and ISO text in the JSON."""
    home = home_with(tmp_path, PUBLIC / "MSG-ADAM")
    manifest = home.landing / "MSG-ADAM" / "study.yaml"
    text = (
        manifest.read_text().replace("adae.dsjc", "adae_subset.xpt").replace("adsl.dsjc", "adsl_subset.xpt")
    )
    manifest.write_text(text.replace("1191", "324").replace("254", "65"))
    tables = run(home, "MSG-ADAM")[1]
    accounted(tables, 324)
    columns = [
        "subject_id", "event_id", "concept_id", "source_grade", "low", "point", "high",
        "onset_day_earliest", "onset_day_latest", "window_status", "review_reasons",
    ]  # fmt: skip
    found = tables["core_event_grades"].select(columns)
    wanted = adam["core_event_grades"].select(columns)
    subset = wanted.join(found, on=["subject_id", "event_id"], how="semi")
    assert found.sort("subject_id", "event_id").equals(subset.sort("subject_id", "event_id"))


# CSV written by R


def test_pharmaverse_sdtm_gives_what_the_pilot_xpt_gives(tmp_path: Path) -> None:
    home = home_with(tmp_path, PUBLIC / "PHARMAVERSE-SDTM", SHIPPED / "CDISCPILOT01")
    manifest = home.landing / "PHARMAVERSE-SDTM" / "study.yaml"
    with manifest.open("a") as text:
        text.write('mapping_release: "1.0.0"  # the release the pilot is pinned to\n')
    tables = run(home, "PHARMAVERSE-SDTM")[1]
    pilot = run(home, "CDISCPILOT01")[1]
    accounted(tables, 710)
    columns = [
        "subject_id",
        "event_id",
        "concept_id",
        "source_grade",
        "low",
        "point",
        "high",
        "window_status",
    ]
    found = tables["core_event_grades"].select(columns).sort("subject_id", "event_id")
    wanted = pilot["core_event_grades"].select(columns).join(found, on=["subject_id", "event_id"], how="semi")
    assert found.equals(wanted.sort("subject_id", "event_id"))


def test_the_word_na_of_r_is_an_empty_cell(tmp_path: Path) -> None:
    tables = run(home_with(tmp_path, PUBLIC / "PHARMAVERSE-SDTM"), "PHARMAVERSE-SDTM")[1]
    events = tables["core_adverse_events"]
    texts = [name for name, dtype in events.schema.items() if dtype == pl.String]
    assert not [name for name in texts if (events[name] == "NA").any()]
    assert events["llt_code"].null_count() == events.height
    assert events.filter(pl.col("end_precision") == "none").height > 200
    assert tables["core_parse_problems"].height == 0


def test_pharmaverse_adam_is_read(tmp_path: Path) -> None:
    tables = run(home_with(tmp_path, PUBLIC / "PHARMAVERSE-ADAM"), "PHARMAVERSE-ADAM")[1]
    accounted(tables, 324)
    precision = dict(tables["core_adverse_events"]["start_precision"].value_counts().rows())
    assert precision["month"] > 5
    assert tables["core_parse_problems"].height == 0


# CTCAE terms with severity words


@pytest.fixture(scope="module")
def rho(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return run(home_with(tmp_path_factory.mktemp("rho"), PUBLIC / "RHO"), "RHO")[1]


def test_rho_rows_are_accounted_for(rho: Tables) -> None:
    accounted(rho, 357)
    assert rho.row("core_studies")["subjects"] == 150
    assert dispositions(rho).get("unmapped", 0) == 0


@pytest.mark.parametrize(
    ("subject", "event", "concept", "high", "status"),
    [
        ("02-012", "4", "encephalopathy", 3, "late"),
        ("04-002", "2", "dysphasia", 2, "late"),
        ("04-009", "3", "cognitive_disturbance", 2, "inside"),
        ("04-003", "3", "intracranial_haemorrhage", 0, "late"),
        ("05-016", "2", "cerebral_edema", 4, "late"),
        ("05-004", "1", "muscle_weakness_left_sided", 4, "late"),
    ],
)
def test_known_rho_terms(rho: Tables, subject: str, event: str, concept: str, high: int, status: str) -> None:
    row = rho.row("core_event_grades", subject_id=subject, event_id=event)
    assert (row["concept_id"], row["high"], row["window_status"]) == (concept, high, status)


# Spontaneous reports


@pytest.fixture(scope="module")
def faers(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return run(home_with(tmp_path_factory.mktemp("faers"), PUBLIC / "FAERS"), "FAERS")[1]


def test_faers_rows_are_accounted_for(faers: Tables) -> None:
    accounted(faers, 286)
    assert faers.row("core_studies")["subjects"] == 100
    assert not faers.row("core_studies")["is_ae_table_complete"]
    assert set(faers["core_event_grades"]["grade_status"]) == {"missing"}


def test_an_incomplete_table_makes_nobody_free_of_icans(faers: Tables) -> None:
    outcomes = set(faers["core_subject_grades"]["outcome"])
    assert "NOT_ICANS" not in outcomes
    assert outcomes <= {"INDETERMINATE", "NOT_EVALUABLE"}


def test_known_faers_terms_without_a_grade(faers: Tables) -> None:
    """Without grade, version and onset the interval is the hull of every grade, and low is 0."""
    rows = faers["core_adverse_events"].join(
        faers["core_event_grades"], on=["subject_id", "event_id"], suffix="_g"
    )
    found = {
        row["preferred_term"]: (row["low"], row["point"], row["high"], row["disposition"])
        for row in rows.to_dicts()
    }
    assert found["Haemorrhage intracranial"] == (0, 0, 0, "excluded")
    assert found["Headache"] == (0, 0, 0, "excluded")
    assert found["Tremor"] == (0, 0, 0, "excluded")
    assert found["Generalised tonic-clonic seizure"][0] == 0
    assert found["Generalised tonic-clonic seizure"][2] == 5
    assert found["Unresponsive to stimuli"][2] == 5
    assert found["Diarrhoea"][2] == found["Diarrhoea"][1] or found["Diarrhoea"][3] == "unmapped"


def test_partial_faers_therapy_dates_are_ranges(faers: Tables) -> None:
    """start_dt is written 20150327, 201507 or 2011."""
    precision = dict(faers["core_infusions"]["infusion_precision"].value_counts().rows())
    assert precision["day"] > 20
    assert precision["month"] > 1
    assert precision["year"] > 1


def test_public_data_stays_small() -> None:
    for folder in PUBLIC.iterdir():
        if folder.is_dir():
            assert sum(path.stat().st_size for path in folder.iterdir()) < 160_000, folder.name
