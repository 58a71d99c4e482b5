"""Private overlays and a site's own MedDRA on a real run: what decides, what is kept, what never leaves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import polars as pl
import pytest

from mappings.term_key import term_key
from pipelines import stages
from pipelines.home import Home
from pipelines.stages import plan_run, run_study
from tests.end_to_end.homes import Tables, ask, regrade, warehouse_content, write_study
from tests.overlays import grade, term, write_overlay
from warehouse.publisher import publish

INVENTED = Path(__file__).parents[1] / "data" / "meddra_invented"
EVENTS = """\
USUBJID,AESEQ,AETERM,AELLTCD,AELLT,AEDECOD,AEBODSYS,AETOXGR,AESTDTC,AEENDTC
P-1,1,first,90000012,,,,3,2017-03-04,2017-03-04
P-1,2,second,,Murkmind,,,3,2017-03-05,2017-03-05
P-1,3,third,90000041,,,,3,2017-03-05,2017-03-05
P-1,4,fourth,,,Brain freeze,Nervous system disorders,2,2017-03-06,2017-03-06
P-1,5,fifth,,,Seizure,Nervous system disorders,3,2017-03-06,2017-03-06
P-1,6,sixth,,,Encephalopathy,Nervous system disorders,1,2017-03-06,2017-03-06
P-1,7,seventh,,,Quibbling,Nervous system disorders,1,2017-03-06,2017-03-06
"""
MANIFEST = """\
study: {study}
files:
  - {{path: ae.csv, role: adverse_events}}
  - {{path: dm.csv, role: subjects}}
grading: {{scale: ctcae, version: "4.03"}}
infusions: {{source: reference_start}}
{more}"""
LAYERED = 'mapping_overlays: [acme]\nmeddra: "99.1"\n'
RULE = "ctcae:4.03:encephalopathy:1"


@pytest.fixture(autouse=True)
def _one_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources that are being edited would otherwise make each run another one."""
    monkeypatch.setattr(stages, "code_sha256", lambda: "c" * 64)


def make_home(root: Path) -> Home:
    home = Home(root).ensure()
    for study, more in (("LAYERED", LAYERED), ("PLAIN", "")):
        write_study(
            home,
            study,
            {
                "ae.csv": EVENTS,
                "dm.csv": "USUBJID,AGE,AGEU,RFSTDTC\nP-1,54,YEARS,2017-03-01\n",
                "study.yaml": MANIFEST.format(study=study, more=more),
            },
        )
    shutil.copytree(INVENTED, home.meddra / "99.1")
    write_acme(home)
    return home


def write_acme(home: Home, note: str = "call of the steering committee") -> Path:
    return write_overlay(
        home.overlays,
        "acme",
        base=">=1.0.0",
        terms=[term("Brain freeze", "encephalopathy", comment=note)],
        grades=[grade(RULE, "023", overrides=RULE)],
    )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


def events(home: Home, study: str) -> dict[str, dict[str, object]]:
    return {str(row["event_id"]): row for row in Tables(home, study)["core_event_grades"].to_dicts()}


def test_every_row_says_who_decided(home: Home) -> None:
    run_study(home, "LAYERED")
    base = plan_run(home, "PLAIN").release.release_id
    found = {
        event: (row["concept_id"], row["match_method"], row["term_key"], row["mapping_layer"])
        for event, row in events(home, "LAYERED").items()
    }
    assert found == {
        "1": ("seizure", "meddra_not_current", "90000012", base),
        "2": ("encephalopathy", "meddra", "90000021", base),
        "3": (None, "none", "90000041", None),
        "4": ("encephalopathy", "preferred_term", "brain freeze", f"{base}|acme"),
        "5": ("seizure", "preferred_term", "seizure", base),
        "6": ("encephalopathy", "preferred_term", "encephalopathy", f"{base}|acme"),
        "7": (None, "none", "quibbling", None),
    }


def test_overlay_and_dictionary_change_what_they_are_for_and_nothing_else(home: Home) -> None:
    for study in ("LAYERED", "PLAIN"):
        run_study(home, study)
    layered, plain = events(home, "LAYERED"), events(home, "PLAIN")
    interval = ("low", "point", "high")
    assert [layered["6"][end] for end in interval] == [0, 2, 3]
    assert layered["3"]["disposition"] == "out_of_scope"  # by the primary class of its preferred term
    assert [plain[event]["disposition"] for event in "1234"] == ["unmapped"] * 4
    for event in ("5", "7"):
        assert {k: v for k, v in layered[event].items() if k != "study_id"} == {
            k: v for k, v in plain[event].items() if k != "study_id"
        }
    # Grade 1 of the overlay and grade 2 of the release: each row keeps its own layer in the run.
    rows = Tables(home, "LAYERED")["map_grades"].filter(pl.col("rule_id") == RULE)
    assert rows.select("low", "point", "high", "layer").rows() == [(0, 2, 3, "acme")]


def test_the_run_id_follows_what_decides(home: Home) -> None:
    first = plan_run(home, "LAYERED").run_id
    plain = plan_run(home, "PLAIN").run_id
    assert plan_run(home, "LAYERED").run_id == first
    write_acme(home, note="revised")
    second = plan_run(home, "LAYERED").run_id
    path = home.meddra / "99.1" / "MedAscii" / "llt.asc"
    path.write_text(path.read_text(encoding="utf-8").replace("$N$$", "$Y$$", 1), encoding="utf-8")
    third = plan_run(home, "LAYERED").run_id
    assert len({first, second, third}) == 3
    (home.overlays / "acme" / "README.md").write_text("minutes of the call", encoding="utf-8")
    assert plan_run(home, "LAYERED").run_id == third
    assert plan_run(home, "PLAIN").run_id == plain


def test_layered_and_plain_releases_lie_side_by_side_in_the_warehouse(home: Home) -> None:
    for study in ("LAYERED", "PLAIN"):
        run_study(home, study)
    publish(home)
    layered, plain = (plan_run(home, study).release for study in ("LAYERED", "PLAIN"))
    assert layered.release_id.startswith(f"{plain.release_id}+acme.meddra-99.1.")
    found = ask(home, "SELECT release_id, parent_release_id, release_sha256 FROM map_releases").rows()
    assert (layered.release_id, plain.release_id, layered.sha256) in found
    assert plain.release_id in {row[0] for row in found}
    rows = ask(home, f"SELECT release_id, layer FROM map_grades WHERE rule_id = '{RULE}'").rows()
    assert (layered.release_id, "acme") in rows
    assert (plain.release_id, plain.release_id) in rows
    named = ask(home, "SELECT DISTINCT mapping_release_id FROM core_studies").to_series().to_list()
    assert set(named) == {layered.release_id, plain.release_id}


def test_a_changed_overlay_and_the_run_before_it_can_be_published(home: Home) -> None:
    """A run of the content before is kept; its release has another id, so nothing contradicts."""
    run_study(home, "LAYERED")
    publish(home)
    write_acme(home, note="revised")
    run_study(home, "LAYERED")
    publish(home)


# --- nothing of the dictionary leaves it -----------------------------------------------------------


def dictionary_words() -> set[str]:
    """Every name of the invented dictionary that is not a code or a flag."""
    return {
        cell
        for path in sorted((INVENTED / "MedAscii").glob("*.asc"))
        for line in path.read_text(encoding="utf-8").splitlines()
        for cell in line.split("$")
        if len(cell) > 1 and not cell.replace(".", "").isdigit()
    }


def artefacts(home: Home, study: str, *said: str) -> str:
    """Everything a study left behind, unpacked: run files, tables, the published database, what was said.

    Text is given as it stands and as term keys, so that a name kept in either form would be seen.
    """
    parts = list(said)
    database = home.root.glob("*.duckdb*")
    for path in (*(home.runs / study).rglob("*"), *home.runs.glob("*"), *database):
        if path.suffix == ".parquet":
            frame = pl.read_parquet(path)
            parts += [str(cell) for name in frame.columns for cell in frame[name].unique().to_list()]
        if path.is_file():
            parts.append(path.read_bytes().decode("latin-1"))
    parts.append(warehouse_content(home))
    return "\n".join([*parts, *map(term_key, parts)])


def test_no_word_of_the_dictionary_is_kept_or_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept: dict[str, str] = {}
    for study, other in (("LAYERED", "PLAIN"), ("PLAIN", "LAYERED")):
        home = make_home(tmp_path / study)
        shutil.rmtree(home.landing / other)
        done = regrade(home, "run", study)
        assert done.exit_code == 0, done.stderr
        told = [
            regrade(home, "explain", study, "P-1", str(number), *form)
            for number in range(1, 8)
            for form in ((), ("--json",))
        ]
        assert {result.exit_code for result in told} == {0}
        said = [result.stdout + result.stderr for result in (done, *told)]
        kept[study] = artefacts(home, study, *said, caplog.text)
    words = dictionary_words()
    seen = {
        study: {word for word in words if word in text or term_key(word) in text}
        for study, text in kept.items()
    }
    # The study itself says Murkmind, the release says Seizure and names the classes; no other word is there.
    assert seen["LAYERED"] == seen["PLAIN"]
    secret = words - seen["PLAIN"]
    assert {"Quaverstorm", "Old shakewave", "Bellygrumble", "Wobbleword", "Fabled disorders"} <= secret
    assert "90000012" in kept["LAYERED"]


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (
            lambda f: (f / "meddra_release.asc").write_text("98.0$English$$$$\n"),
            "98.0, the manifest says 99.1",
        ),
        (lambda f: (f / "mdhier.asc").unlink(), "lacks the file"),
        (lambda f: (f / "pt.asc").write_bytes(b"90000010$Quaverst\xf6rm$$92000001$$$$$$$$\n"), "not UTF-8"),
        (lambda f: (f / "llt.asc").write_text("90000010$Quaverstorm\n"), "has not 11 fields"),
    ],
)
def test_a_wrong_dictionary_stops_the_run_and_shows_nothing(home: Home, spoil: object, expected: str) -> None:
    assert callable(spoil)
    spoil(home.meddra / "99.1" / "MedAscii")
    done = regrade(home, "run", "LAYERED")
    assert done.exit_code != 0
    assert expected in " ".join(done.stderr.split())
    assert "Quaver" not in done.stderr + done.stdout
    assert "Next" in done.stderr


def test_explain_names_the_layer_of_each_row(home: Home) -> None:
    run_study(home, "LAYERED")
    told = regrade(home, "explain", "LAYERED", "P-1", "6", "--json")
    facts = json.loads(told.stdout)
    (row,) = facts["grade"]["grade_rows"]
    assert (row["rule_id"], row["layer"]) == (RULE, "acme")
    assert "acme" in facts["term"]["decided_by"]


# --- manifest keys and folders that are not there --------------------------------------------------


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("mapping_overlays: [nobody]", "there is no such private overlay"),
        ("mapping_overlays: [../acme]", "mapping_overlays"),
        ('meddra: "26.1"', "there is no MedDRA 26.1"),
        ("meddra: 99.1", 'write the version in quotes: "99.1"'),
        ('meddra: "../99.1"', "meddra"),
        ('mapping_overlays: [acme]\nmapping_release: "0.9.0"', "no such mapping release"),
        ('mapping_release: "0.9.0"', "PLAIN/study.yaml, column mapping_release, value '0.9.0'"),
    ],
)
def test_a_manifest_that_asks_for_what_is_not_there(home: Home, more: str, expected: str) -> None:
    text = MANIFEST.format(study="PLAIN", more=more + "\n")
    (home.landing / "PLAIN" / "study.yaml").write_text(text, encoding="utf-8")
    done = regrade(home, "run", "PLAIN")
    assert done.exit_code != 0
    assert expected in " ".join(done.stderr.split())


def test_an_overlay_that_shadows_a_rule_stops_the_run(home: Home) -> None:
    write_overlay(home.overlays, "acme", base=">=1.0.0", grades=[grade(RULE, "023")])
    done = regrade(home, "run", "LAYERED")
    said = " ".join(done.stderr.split())
    assert done.exit_code != 0
    for part in ("acme/grades.tsv", "line 2", RULE, "without saying so", "overrides"):
        assert part in said


def test_the_database_can_be_read_without_the_home_of_the_dictionary(home: Home) -> None:
    run_study(home, "LAYERED")
    publish(home)
    shutil.rmtree(home.meddra)
    with duckdb.connect(str(home.database), read_only=True) as connection:
        found = connection.execute("SELECT count(*) FROM core_event_grades WHERE match_method LIKE 'meddra%'")
        assert found.fetchall() == [(2,)]
