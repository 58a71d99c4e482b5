"""Private overlays on the shipped release: what they may add, and what they must say to override."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from mappings.loader import load_release
from mappings.overlay import compose_release
from mappings.overlay_check import check_overlay
from mappings.overlay_file import read_overlay
from mappings.problem import Problem
from mappings.release import Release
from pipelines.grading.kernel import grade_study
from schemas.errors import ReleaseError
from schemas.registry import RELEASE_TABLES
from tests import studies
from tests.overlays import Cells, concept, convention, grade, term, write_overlay
from tests.small_release import small_release

BASE = small_release()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "mappings"


def composed(root: Path, name: str = "acme", base: str = "0.0.1", **tables: list[Cells]) -> Release:
    return compose_release(BASE, [read_overlay(write_overlay(root, name, base=base, **tables))])


def refusal(root: Path, name: str = "acme", **tables: list[Cells]) -> ReleaseError:
    with pytest.raises(ReleaseError) as caught:
        composed(root, name, **tables)
    return caught.value


def graded(release: Release, *events: studies.Row, **manifest: object) -> list[studies.Row]:
    tables = studies.to_frames(studies.study(events))
    found = grade_study(tables, release, studies.manifest(**manifest))["core_event_grades"]
    return found.sort("event_id").to_dicts()


def named(row: studies.Row, *columns: str) -> tuple[object, ...]:
    return tuple(row[column] for column in columns)


# --- what an overlay adds ------------------------------------------------------------------------


def test_an_added_term_takes_the_concept_and_both_layers_decide(root: Path) -> None:
    release = composed(root, terms=[term("Brain freeze", "encephalopathy")])
    row = graded(release, studies.event("Brain freeze", 3))[0]
    assert named(row, "concept_id", "low", "point", "high") == ("encephalopathy", 1, 3, 4)
    assert row["mapping_layer"] == "0.0.1|acme"
    assert graded(release, studies.event("Encephalopathy", 3))[0]["mapping_layer"] == "0.0.1"
    assert graded(release, studies.event("Zorbl", 3))[0]["mapping_layer"] is None


def test_an_added_concept_brings_its_grades(root: Path) -> None:
    release = composed(
        root,
        concepts=[concept("brain_fog")],
        terms=[term("Brain fog", "brain_fog", relation="own")],
        grades=[grade("ctcae:any:brain_fog:1", "012"), grade("ctcae:any:brain_fog:2", "023")],
    )
    row = graded(release, studies.event("BRAIN FOG", 2))[0]
    assert named(row, "low", "point", "high", "mapping_layer", "rule_id") == (
        *(0, 2, 3, "acme"),
        "ctcae:any:brain_fog:2",
    )
    assert row["is_core"]


def test_an_added_code_does_not_decide_what_the_text_decides_already(root: Path) -> None:
    release = composed(
        root, terms=[term("Seizure", "seizure", version="4.03", code="90000001", relation="own")]
    )
    by_code = studies.event(None, 3, pt_code="90000001")
    by_text = studies.event("Seizure", 3, number=2)
    assert [row["mapping_layer"] for row in graded(release, by_code, by_text)] == ["0.0.1|acme", "0.0.1"]


def test_an_added_convention_decides_and_is_named(root: Path) -> None:
    release = composed(
        root, conventions=[convention("any_confusion_grade_2", "encephalopathy", "2", "1|2|3")]
    )
    grading = {"scale": "ctcae", "version": "4.03", "conventions": ["any_confusion_grade_2"]}
    row = graded(release, studies.event("Encephalopathy", 2), grading=grading)[0]
    assert named(row, "low", "high", "mapping_layer") == (0, 4, "0.0.1|acme")


def test_the_release_below_is_left_alone(root: Path) -> None:
    before = {name: frame.clone() for name, frame in BASE.tables.items()}
    composed(root, terms=[term("Seizure", "headache", version="4.03", overrides="seizure:4.03")])
    assert all(frame.equals(before[name]) for name, frame in BASE.tables.items())


def test_identity_follows_from_content(root: Path) -> None:
    first = composed(root, terms=[term("Brain freeze", "encephalopathy")])
    again = composed(root, terms=[term("Brain freeze", "encephalopathy")])
    other = composed(root, terms=[term("Brain freeze", "encephalopathy", source="call of 3 May")])
    assert (first.release_id, first.sha256) == (again.release_id, again.sha256)
    assert other.sha256 != first.sha256
    assert first.release_id == f"0.0.1+acme.{first.sha256[:8]}"
    assert {frame["release_id"].unique().item() for frame in first.tables.values()} == {first.release_id}
    assert set(first.tables) == {table.info().name for table in RELEASE_TABLES}
    about = first.tables["map_releases"].row(0, named=True)
    assert about["parent_release_id"] == "0.0.1"
    assert (about["status"], about["clinical_sign_offs"]) == ("draft", 0)
    assert about["licence"] == "CC0-1.0; acme: Proprietary"
    assert "private overlay acme on 0.0.1" in first.review_status


def test_without_overlays_it_is_the_release_itself() -> None:
    assert compose_release(BASE) is BASE


def test_the_shipped_release_takes_an_overlay(root: Path) -> None:
    shipped = load_release()
    folder = write_overlay(
        root, "acme", base=">=1.0.0,<2.0.0", terms=[term("Brain freeze", "encephalopathy")]
    )
    release = compose_release(shipped, [read_overlay(folder)])
    added = release.tables["map_terms"].height - shipped.tables["map_terms"].height
    assert added == 1
    assert release.tables["map_terms"].filter(pl.col("layer") == "acme")["term_key"].to_list() == [
        "brain freeze"
    ]


# --- overrides -----------------------------------------------------------------------------------


def test_a_grade_that_is_overridden_in_so_many_words(root: Path) -> None:
    rule = "ctcae:4.03:encephalopathy:3"
    release = composed(root, grades=[grade(rule, "233", overrides=rule)])
    row = graded(release, studies.event("Encephalopathy", 3))[0]
    assert named(row, "low", "point", "high", "rule_id", "mapping_layer") == (2, 3, 3, rule, "0.0.1|acme")


def test_a_term_that_is_overridden_in_one_version_only(root: Path) -> None:
    release = composed(
        root, terms=[term("Convulsion", "headache", version="5.0", overrides="convulsion:any")]
    )
    events = [studies.event("Convulsion", 3, number=n, scale_version=v) for n, v in ((1, "5.0"), (2, "4.03"))]
    rows = graded(release, *events)
    assert [row["concept_id"] for row in rows] == ["headache", "seizure"]
    assert [row["mapping_layer"] for row in rows] == ["0.0.1|acme", "0.0.1"]


def test_a_concept_and_a_convention_can_be_overridden(root: Path) -> None:
    release = composed(
        root,
        concepts=[concept("agitation", overrides="agitation", is_core="true")],
        conventions=[
            convention("any_seizure_grade_3", "seizure", "3", "2|3", "any_seizure_grade_3:seizure", "2")
        ],
    )
    assert graded(release, studies.event("Agitation", 3))[0]["is_core"]
    rows = release.tables["map_conventions"].filter(pl.col("concept_id") == "seizure")
    assert rows.select("grades_covered", "layer").rows() == [("2|3", "acme")]


@pytest.mark.parametrize(
    ("table", "row", "rule", "line"),
    [
        ("grades", grade("ctcae:4.03:seizure:3", "133"), "ctcae:4.03:seizure:3", 2),
        # A row for children, for one version or for one concept takes the place of a wider one.
        ("grades", grade("ctcae:4.03:seizure:3:child", "133"), "ctcae:4.03:seizure:3", 2),
        (
            "grades",
            grade("astct:2019:seizure:3", "133"),
            "|".join(f"astct:2019:*:{n}" for n in range(1, 6)),
            2,
        ),
        ("grades", grade("ctcae:5.0:coma:3", "133"), "|".join(f"ctcae:any:coma:{n}" for n in range(1, 6)), 2),
        ("terms", term("Seizure", "headache", version="4.03"), "seizure:4.03", 2),
        (
            "terms",
            term("Seizure", "headache", version="6.0"),
            "seizure:3.0|seizure:4.03|seizure:5.0|seizure:5.0:10039906",
            2,
        ),
        ("terms", term("Convulsion", "headache", version="5.0"), "convulsion:any", 2),
        ("terms", term("Convulsion", "seizure", relation="narrower"), "convulsion:any", 2),
        # What the release lists as undecided is decided too.
        ("terms", term("CNS disorder", "encephalopathy"), "cns disorder:any", 2),
        ("terms", term("Odd feeling", "encephalopathy", version="5.0"), "odd feeling:any", 2),
        ("concepts", concept("agitation"), "agitation", 2),
        (
            "conventions",
            convention("any_seizure_grade_3", "seizure", "3", "3"),
            "any_seizure_grade_3:seizure",
            2,
        ),
    ],
)
def test_a_row_that_shadows_a_rule_without_saying_so(
    root: Path, table: str, row: Cells, rule: str, line: int
) -> None:
    error = refusal(root, **{table: [row]})
    assert error.rule_id == "MAP-OVERLAY-SHADOW"
    assert (error.file, error.line, error.column) == (f"acme/{table}.tsv", line, "overrides")
    assert error.value == rule
    assert error.what == "the row takes the place of a rule of 0.0.1 without saying so"
    assert f"write {rule} in the column overrides" in error.next_action


def test_the_line_is_that_of_the_file(root: Path) -> None:
    rows = [grade("ctcae:5.0:dysphasia:1", "012"), grade("ctcae:4.03:seizure:3", "133")]
    folder = write_overlay(root, "acme", base="0.0.1", grades=rows)
    path = folder / "grades.tsv"
    path.write_text("#a remark\n#another\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ReleaseError) as caught:
        compose_release(BASE, [read_overlay(folder)])
    assert caught.value.line == 4
    assert path.read_text(encoding="utf-8").split("\n")[3].startswith("regrade.grade:ctcae:4.03:seizure:3")


@pytest.mark.parametrize(
    ("overrides", "rule_id", "action"),
    [
        ("ctcae:4.03:siezure:3", "MAP-OVERLAY-UNKNOWN", "nearest: ctcae:4.03:seizure:3"),
        ("ctcae:4.03:seizure:2", "MAP-OVERLAY-IDLE", "name the rule the row replaces"),
    ],
)
def test_an_override_of_a_rule_that_is_none_or_stays(
    root: Path, overrides: str, rule_id: str, action: str
) -> None:
    named_rules = "|".join(["ctcae:4.03:seizure:3", overrides])
    error = refusal(root, grades=[grade("ctcae:4.03:seizure:3", "133", overrides=named_rules)])
    assert (error.rule_id, error.line, error.value) == (rule_id, 2, overrides)
    assert action in error.next_action


# --- base, several overlays --------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["0.0.2", ">=0.1.0", ">0.0.1,<2.0.0", "<=0.0.0"])
def test_an_overlay_for_another_release(root: Path, base: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        composed(root, base=base, terms=[term("Brain freeze", "encephalopathy")])
    assert caught.value.what == f"the overlay was made for release {base}, not for 0.0.1"
    assert (caught.value.file, caught.value.column) == ("acme/overlay.yaml", "base")


@pytest.mark.parametrize("base", ["==0.0.1", ">=0.0.1", "<1.0.0, >0.0.0"])
def test_a_range_that_holds_the_release(root: Path, base: str) -> None:
    assert composed(root, base=base, terms=[term("Brain freeze", "encephalopathy")])


def test_several_overlays_in_order(root: Path) -> None:
    first = write_overlay(root, "one", base="0.0.1", terms=[term("Brain freeze", "encephalopathy")])
    second = write_overlay(root, "two", base="0.0.1", terms=[term("Brain wave", "seizure")])
    overlays = [read_overlay(first), read_overlay(second)]
    release = compose_release(BASE, overlays)
    turned = compose_release(BASE, overlays[::-1])
    events = studies.event("Brain freeze", 3), studies.event("Brain wave", 3, number=2)
    assert [row["mapping_layer"] for row in graded(release, *events)] == ["0.0.1|one", "0.0.1|two"]
    assert graded(release, *events) == graded(turned, *events)
    assert release.release_id.startswith("0.0.1+one.two.")


@pytest.mark.parametrize(
    ("first", "second", "rule"),
    [
        (term("Brain wave", "seizure"), term("Brain wave", "seizure"), "brain wave:any"),
        (term("Brain wave", "seizure"), term("Brain wave", "headache", version="5.0"), "brain wave:any"),
        (
            term("Convulsion", "headache", overrides="convulsion:any"),
            term("Convulsion", "coma", overrides="convulsion:any"),
            "convulsion:any",
        ),
    ],
)
def test_two_overlays_that_decide_the_same(root: Path, first: Cells, second: Cells, rule: str) -> None:
    overlays = [
        read_overlay(write_overlay(root, name, base="0.0.1", terms=[row]))
        for name, row in (("one", first), ("two", second))
    ]
    with pytest.raises(ReleaseError) as caught:
        compose_release(BASE, overlays)
    error = caught.value
    assert (error.rule_id, error.file, error.line) == ("MAP-OVERLAY-CONFLICT", "two/terms.tsv", 2)
    assert error.what == "overlays one and two decide the same"
    assert error.value == rule


def test_an_overlay_named_twice(root: Path) -> None:
    overlay = read_overlay(write_overlay(root, "one", base="0.0.1", terms=[term("Brain wave", "seizure")]))
    with pytest.raises(ReleaseError, match="applied twice"):
        compose_release(BASE, [overlay, overlay])


# --- the checks of a release hold ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("tables", "rule_id", "file"),
    [
        ({"terms": [term("Brain freeze", "brain_fog")]}, "MAP-CONCEPT", "terms.tsv"),
        ({"concepts": [concept("brain_fog")]}, "MAP-CONCEPT-UNUSED", "concepts.tsv"),
        ({"grades": [grade("ctcae:5.0:dysphasia:2", "321")]}, "MAP-GRADE-BOUNDS", "grades.tsv"),
        ({"terms": [term("Brain wave", "seizure", code="1234")]}, "MAP-CODE-FORM", "terms.tsv"),
        (
            {"terms": [term("Brain wave", "seizure", version="5.0", code="10014625")]},
            "MAP-CODE-TWICE",
            "terms.tsv",
        ),
        (
            {"terms": [term("Delirious", "encephalopathy", version="5.0", code="10014625")]},
            "MAP-CODE-TWICE",
            "terms.tsv",
        ),
        (
            {"terms": [term("Delirious", "encephalopathy", code="10014625")]},
            "MAP-CODE-TWICE",
            "terms.tsv",
        ),
    ],
)
def test_an_overlay_obeys_the_rules_of_a_release(
    root: Path, tables: dict[str, list[Cells]], rule_id: str, file: str
) -> None:
    error = refusal(root, **tables)
    assert (error.rule_id, error.file, error.line) == (rule_id, f"acme/{file}", 2)


def test_spreadsheet_damage_is_named(root: Path) -> None:
    folder = write_overlay(root, "acme", base="0.0.1", grades=[grade("ctcae:5.0:dysphasia:2", "012")])
    path = folder / "grades.tsv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    with pytest.raises(ReleaseError) as caught:
        read_overlay(folder)
    assert caught.value.file == "acme/grades.tsv"
    assert "byte-order mark" in caught.value.what


# --- the folder ----------------------------------------------------------------------------------------


def test_no_such_folder(root: Path) -> None:
    with pytest.raises(ReleaseError, match="there is no such private overlay"):
        read_overlay(root / "acme")


@pytest.mark.parametrize(
    ("old", "new", "column", "what"),
    [
        ('"0.0.1"', '"newest"', "base", "neither a release nor a range"),
        ('"0.0.1"', "1.0", "base", "the value is not text"),
        ('"0.0.1"', '"1.0"', "base", "neither a release nor a range"),
        ('"acme"', '"acme2"', "name", "the name is not that of the folder"),
        ('licence: "Proprietary"\n', "", "licence", "the key is missing"),
        ('"data management"', '" "', "author_role", "the value is not text"),
        ("licence:", "licenze:", "licence", "the key is missing"),
        ("name:", "more: 1\nname:", "more", "the key is not known"),
        ("name:", "name: x\nname:", None, "found duplicate key"),
    ],
)
def test_an_overlay_file_that_does_not_say_what_it_is(
    root: Path, old: str, new: str, column: str | None, what: str
) -> None:
    folder = write_overlay(root, "acme", base="0.0.1", terms=[term("Brain wave", "seizure")])
    path = folder / "overlay.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ReleaseError) as caught:
        read_overlay(folder)
    assert (caught.value.file, caught.value.column) == ("acme/overlay.yaml", column)
    assert what in caught.value.what


def test_no_overlay_file(root: Path) -> None:
    folder = write_overlay(root, "acme", base="0.0.1")
    (folder / "overlay.yaml").unlink()
    with pytest.raises(ReleaseError, match="does not say what it is"):
        read_overlay(folder)


def test_an_overlay_without_rows_decides_nothing(root: Path) -> None:
    with pytest.raises(ReleaseError, match="decides nothing"):
        read_overlay(write_overlay(root, "acme", base="0.0.1"))


def test_a_misspelt_file_is_no_silence(root: Path) -> None:
    folder = write_overlay(root, "acme", base="0.0.1", terms=[term("Brain wave", "seizure")])
    (folder / "terms.tsv").rename(folder / "term.tsv")
    with pytest.raises(ReleaseError) as caught:
        read_overlay(folder)
    assert caught.value.file == "acme/term.tsv"


# --- the curation checks -------------------------------------------------------------------------


SHIPPED = load_release()
FOG = [
    grade(f"ctcae:any:lamp_gaze:{step}", interval, domains="cognition|consciousness")
    for step, interval in zip("12345", ("001", "0n3", "0n4", "0n4", "0n5"), strict=True)
]


def checked(root: Path, **tables: list[Cells]) -> tuple[Problem, ...]:
    return check_overlay(write_overlay(root, "acme", base=">=1.0.0", **tables), SHIPPED)


def test_a_sound_overlay_passes_the_curation_checks(root: Path) -> None:
    terms = [
        term("Lamp gaze", "lamp_gaze", relation="own"),
        term("Brain freeze", "encephalopathy", code="90000001"),
    ]
    assert checked(root, concepts=[concept("lamp_gaze")], terms=terms, grades=FOG) == ()


def test_a_curation_problem_is_shown_at_the_line_of_the_overlay(root: Path) -> None:
    """A generic concept without grade 5, and a ladder whose low falls."""
    fog = [FOG[0], FOG[1], grade("ctcae:any:lamp_gaze:3", "234"), FOG[3]]
    terms = [term("Lamp gaze", "lamp_gaze", relation="own")]
    found = checked(root, concepts=[concept("lamp_gaze")], terms=terms, grades=fog)
    assert {problem.release_id for problem in found} == {"acme"}
    ladder = next(problem for problem in found if problem.rule_id == "MAP-LADDER")
    assert (ladder.file, ladder.line) == ("grades.tsv", 5)
    assert "MAP-GENERIC-SCALE" in {problem.rule_id for problem in found}


def test_a_rule_of_the_release_that_the_overlay_puts_in_the_wrong_is_named(root: Path) -> None:
    rule = "ctcae:4.03:encephalopathy:2"
    found = checked(root, grades=[grade(rule, "233", overrides=rule)])
    beside = [problem for problem in found if problem.line is None]
    assert any("with the overlay, rule ctcae:" in problem.message for problem in beside)


def test_an_overlay_that_cannot_be_used_is_one_problem(root: Path) -> None:
    (found,) = checked(root, terms=[term("Convulsion", "headache")])
    assert (found.rule_id, found.file, found.line) == ("MAP-OVERLAY-SHADOW", "terms.tsv", 2)
