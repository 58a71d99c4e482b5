"""A MedAscii folder: what it resolves, and the exact error when it is not what it should be."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mappings.meddra import Found, load_meddra
from mappings.term_key import term_key
from pipelines.grading.terms import Resolved, TermIndex
from schemas.errors import ReleaseError
from tests.small_release import small_release

INVENTED = Path(__file__).parents[1] / "data" / "meddra_invented"
MEDDRA = load_meddra(INVENTED, "99.1")
RELEASE = small_release()
INDEX = TermIndex(replace(RELEASE, dictionary=MEDDRA))
PLAIN = TermIndex(RELEASE)
NOTHING: dict[str, str | None] = dict.fromkeys(
    ("llt_code", "pt_code", "preferred_term", "lowest_level_term", "verbatim_term", "body_system")
)
WORDS = [
    cell
    for path in sorted((INVENTED / "MedAscii").glob("*.asc"))
    for line in path.read_text(encoding="utf-8").splitlines()
    for cell in line.split("$")
    if len(cell) > 4 and not cell.isdigit()
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the invented dictionary to damage."""
    copy = tmp_path / "99.1"
    shutil.copytree(INVENTED / "MedAscii", copy)
    return copy


def resolve(version: str | None = "5.0", verbatim: bool = False, **cells: str) -> Resolved:
    return INDEX.resolve(NOTHING | cells, version, verbatim)


# --- look-ups ----------------------------------------------------------------------------------


def test_the_version_folder_may_hold_the_files_itself(folder: Path) -> None:
    assert load_meddra(folder, "99.1").sha256 == MEDDRA.sha256


def test_a_term_is_found_by_code_and_by_name_with_its_preferred_term() -> None:
    retired = Found("90000012", "90000010", is_current=False)
    assert MEDDRA.find_code("90000012") == MEDDRA.find_text("old shakewave") == retired
    assert MEDDRA.find_code("90000010") == Found("90000010", "90000010", is_current=True)
    assert MEDDRA.find_code("10039906") is None
    assert MEDDRA.find_text("zorbl") is None
    assert MEDDRA.class_key("90000040") == "gastrointestinal disorders"


def test_one_key_for_terms_of_two_preferred_terms_names_neither() -> None:
    assert MEDDRA.find_text("twin name") is None
    assert resolve(preferred_term="Twin name").term_status == "unmapped"


def test_a_renamed_preferred_term_is_found_through_its_lowest_level_terms() -> None:
    """The release knows the old name only; the dictionary files it under the new one."""
    assert PLAIN.resolve(NOTHING | {"preferred_term": "Quaverstorm"}, "5.0", False).term_status == "unmapped"
    found = resolve(preferred_term="Quaverstorm")
    assert found == Resolved("mapped", "seizure", "meddra", "90000010", frozenset({"0.0.1"}))


def test_a_lowest_level_term_takes_the_decision_for_its_preferred_term() -> None:
    assert resolve(llt_code="90000021").concept_id == "encephalopathy"
    assert resolve(lowest_level_term="MURKMIND").term_key == "90000021"
    assert resolve(verbatim_term="murkmind").term_status == "unmapped"
    assert resolve(verbatim_term="murkmind", verbatim=True).concept_id == "encephalopathy"


def test_a_term_that_is_not_current_decides_and_says_so() -> None:
    assert resolve(llt_code="90000012").match_method == "meddra_not_current"
    assert resolve(llt_code="90000013").match_method == "meddra"


def test_lowest_level_terms_that_differ_decide_nothing() -> None:
    assert resolve(preferred_term="Splitglimmer").term_status == "unmapped"


def test_the_version_of_the_study_is_kept() -> None:
    """Absence means a seizure in 3.0 and a headache in 4.03; without a version it is either."""
    assert resolve("3.0", preferred_term="Vacantspell").concept_id == "seizure"
    assert resolve("4.03", preferred_term="Vacantspell").concept_id == "headache"
    assert resolve(None, preferred_term="Vacantspell").term_status == "unmapped"


def test_what_the_release_lists_as_undecided_stays_undecided() -> None:
    """CNS disorder is broader than its concept in the release, whatever lies below it."""
    for cells in ({"preferred_term": "CNS disorder"}, {"preferred_term": "Fogbank"}, {"pt_code": "90000080"}):
        assert resolve(**cells).concept_id is None


def test_a_dictionary_changes_nothing_the_release_decides() -> None:
    for row in RELEASE.tables["map_terms"].iter_rows(named=True):
        for version in ("3.0", "4.03", "5.0", None):
            cells = NOTHING | {"preferred_term": row["term"], "llt_code": row["code"] or None}
            plain = PLAIN.resolve(cells, version, False)
            if plain.concept_id is not None:
                assert INDEX.resolve(cells, version, False) == plain


def test_a_direct_text_comes_before_a_code_of_the_dictionary() -> None:
    found = resolve(llt_code="90000021", preferred_term="Headache")
    assert (found.concept_id, found.match_method) == ("headache", "preferred_term")


def test_the_primary_class_places_a_term_without_a_class() -> None:
    assert resolve(preferred_term="Bellygrumble").term_status == "out_of_scope"
    assert resolve(preferred_term="Splitglimmer").term_status == "unmapped"
    assert resolve(preferred_term="Wobbleword").term_status == "unmapped"  # a class nobody lists
    # A class the study gives comes first.
    given = resolve(preferred_term="Bellygrumble", body_system="Nervous system disorders")
    assert given.term_status == "unmapped"


def test_nothing_of_it_is_in_its_representation() -> None:
    assert repr(MEDDRA) == f"Meddra(version='99.1', sha256='{MEDDRA.sha256}')"


# --- folders that are not what they should be ------------------------------------------------------


def refusal(folder: Path, version: str = "99.1") -> ReleaseError:
    with pytest.raises(ReleaseError) as caught:
        load_meddra(folder, version)
    shown = term_key(str(caught.value))
    assert [word for word in WORDS if term_key(word) in shown and word != "English"] == []
    return caught.value


def damage(folder: Path, name: str, old: str, new: str) -> Path:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


def test_another_version_is_named(folder: Path) -> None:
    error = refusal(folder, "26.1")
    assert error.file == "99.1/meddra_release.asc"
    assert error.what == "the folder holds MedDRA 99.1, the manifest says 26.1"
    assert error.next_action.startswith("put MedDRA 26.1 there")


def test_a_release_file_of_several_versions(folder: Path) -> None:
    (folder / "meddra_release.asc").write_text("99.1$English$$$$\n99.0$English$$$$\n", encoding="utf-8")
    assert "no one version" in refusal(folder).what


def test_no_folder(tmp_path: Path) -> None:
    error = refusal(tmp_path / "26.1", "26.1")
    assert error.what == "there is no MedDRA 26.1"
    assert "MedAscii folder of MedDRA 26.1" in error.next_action


@pytest.mark.parametrize("name", ["llt.asc", "pt.asc", "mdhier.asc", "meddra_release.asc"])
def test_an_incomplete_folder(folder: Path, name: str) -> None:
    (folder / name).unlink()
    error = refusal(folder)
    assert (error.file, error.what) == (f"99.1/{name}", "the MedAscii folder lacks the file")


def test_text_that_is_not_utf8(folder: Path) -> None:
    path = folder / "llt.asc"
    path.write_bytes(path.read_bytes().replace(b"Murkmind", "Murkm\u00efnd".encode("cp1252")))
    error = refusal(folder)
    assert (error.file, error.row, error.what) == ("99.1/llt.asc", 6, "the text is not UTF-8")


@pytest.mark.parametrize(
    ("name", "old", "new", "row", "column", "what"),
    [
        ("llt.asc", "$$$$$$$Y$$\n90000022", "\n90000022", 6, None, "has not 11 fields"),
        ("llt.asc", "90000021$", "90000021,", 6, None, "has not 11 fields"),
        ("llt.asc", "90000021$", "9.0E7$", 6, "llt_code", "no code of eight digits"),
        ("llt.asc", "Murkmind", " ", 6, "llt_name", "the name is blank"),
        ("llt.asc", "$N$", "$X$", 3, "llt_currency", "neither Y nor N"),
        ("llt.asc", "$90000020$", "$90000029$", 5, "pt_code", "no such preferred term"),
        ("llt.asc", "90000021$", "90000022$", None, None, "is given twice"),
        ("llt.asc", "90000010$Q", "90000019$Q", None, None, "has not a lowest-level term of its own"),
        ("mdhier.asc", "$Y$\n90000020", "$N$\n90000020", None, None, "has not a primary path"),
        ("mdhier.asc", "$N$", "$Y$", None, None, "has two primary paths"),
        ("pt.asc", "92000001", "92000002", 1, "pt_soc_code", "not that of mdhier.asc"),
        ("pt.asc", "90000010$", "\ufeff90000010$", 1, None, "byte-order mark"),
    ],
)
def test_a_damaged_file(
    folder: Path, name: str, old: str, new: str, row: int | None, column: str | None, what: str
) -> None:
    error = refusal(damage(folder, name, old, new))
    assert error.file == f"99.1/{name}"
    assert (error.row, error.column) == (row, column)
    assert what in error.what
    assert "unpack the MedAscii folder" in error.next_action


def test_a_file_cut_off_between_two_rows_is_seen(folder: Path) -> None:
    path = folder / "llt.asc"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-3]), encoding="utf-8")
    assert "has not a lowest-level term of its own" in refusal(folder).what


def test_windows_line_ends_are_read(folder: Path) -> None:
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_meddra(folder, "99.1").find_code("90000021") == MEDDRA.find_code("90000021")
