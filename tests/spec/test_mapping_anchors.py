"""Decisions that must hold in the shipped release (GRADING.md 3.4 and 3.5), one line each.

Reads like the page it checks: version, term as a study writes it, grade, low/point/high. '-' is a null
point, '!' says that the row goes to review.
"""

from __future__ import annotations

import polars as pl
import pytest

from mappings.loader import load_release
from mappings.term_key import term_key

RELEASE = load_release()
TERMS: dict[tuple[str, str], str] = {
    (row["term_key"], row["scale_version"]): row["concept_id"]
    for row in RELEASE.tables["map_terms"].filter(pl.col("code") == "").iter_rows(named=True)
}
GRADES = {
    tuple(row[key] for key in ("scale", "scale_version", "concept_id", "grade", "population")): row
    for row in RELEASE.tables["map_grades"].iter_rows(named=True)
}
V4_ON = "4.03 5.0 6.0"

ANCHORS = f"""
{V4_ON} | Encephalopathy | 1 | 0/1/2
{V4_ON} | Encephalopathy | 2 | 0/2/3
{V4_ON} | Encephalopathy | 3 | 1/3/4!
{V4_ON} | Encephalopathy | 4 | 2/4/4!
{V4_ON} | Dysphasia | 3 | 2/3/3
6.0 | Dysphasia | 4 | 3/3/3
{V4_ON} | Somnolence | 3 | 3/3/4!
{V4_ON} | Depressed level of consciousness | 3 | 2/3/4!
4.03 5.0 | Seizure | 1 | 3/3/3
4.03 5.0 | Seizure | 2 | 3/3/3
4.03 5.0 | Seizure | 3 | 3/3/4!
4.03 5.0 | Seizure | 4 | 3/4/4
any | Status epilepticus | 1 2 3 4 | 4/4/4
any | Convulsive status epilepticus | 1 2 3 4 | 4/4/4
any | Nonconvulsive status epilepticus | 1 2 3 4 | 3/4/4!
any | NCSE | 1 2 3 4 | 3/4/4!
4.03 | Cerebral oedema | 4 | 3/4/4!
{V4_ON} | Papilloedema | 1 2 3 4 | 4/4/4!
{V4_ON} | Abducens nerve disorder | 1 2 3 | 4/4/4!
{V4_ON} | VIth nerve paralysis | 1 2 3 | 4/4/4!
3.0 | Neuropathy: cranial - CN VI Lateral deviation of eye | 1 2 3 4 | 4/4/4!
4.03 5.0 | Muscle weakness left-sided | 3 | 0/4/4!
4.03 5.0 | Muscle weakness right-sided | 3 | 0/4/4!
any 6.0 | Hemiparesis | 3 | 4/4/4!
any | Neurotoxicity | 1 2 3 4 | 0/-/4!
{V4_ON} | Headache | 1 2 3 | 0/0/0
{V4_ON} | Dizziness | 1 2 3 | 0/0/0
{V4_ON} | Anxiety | 1 2 3 4 | 0/0/0
{V4_ON} | Insomnia | 1 2 3 | 0/0/0
{V4_ON} | Tremor | 1 2 3 | 0/0/0
{V4_ON} | Peripheral sensory neuropathy | 1 2 3 4 | 0/0/0
{V4_ON} | Peripheral motor neuropathy | 1 2 3 4 5 | 0/0/0
{V4_ON} | Intracranial haemorrhage | 1 2 3 4 5 | 0/0/0
{V4_ON} | Facial nerve disorder | 3 | 0/0/0
{V4_ON} | Cytokine release syndrome | 1 2 3 4 5 | 0/0/0
any | Coma | 1 2 3 4 | 4/4/4
3.0 | Encephalopathy | 2 | 0/1/2!
3.0 | Somnolence/depressed level of consciousness | 3 | 2/3/4!
3.0 | Mood alteration - Agitation | 3 | 0/0/3!
6.0 | ICANS | 1 | 1/1/2
6.0 | ICANS | 3 | 2/3/4!
{V4_ON} | Encephalopathy | 5 | 2/5/5!
"""


def lines(text: str) -> list[tuple[str, str, int, str]]:
    """One case per version and grade of a table line."""
    cases = []
    for line in text.strip().splitlines():
        versions, term, grades, interval = (part.strip() for part in line.split("|"))
        cases += [(v, term, int(g), interval) for v in versions.split() for g in grades.split()]
    return cases


def shown(row: dict[str, object]) -> str:
    """low/point/high as the table writes it."""
    point = "-" if row["point"] is None else row["point"]
    return f"{row['low']}/{point}/{row['high']}" + ("!" if row["review_reason"] else "")


def concept_of(term: str, version: str) -> str:
    """Concept of a term in a version, by its exact version first."""
    key = term_key(term)
    return TERMS.get((key, version)) or TERMS[(key, "any")]


@pytest.mark.parametrize(("version", "term", "grade", "interval"), lines(ANCHORS))
def test_anchor(version: str, term: str, grade: int, interval: str) -> None:
    row = GRADES[("ctcae", version, concept_of(term, version), grade, "any")]
    assert shown(row) == interval


@pytest.mark.parametrize(
    ("grade", "interval"), [(1, "1/1/1"), (2, "2/2/2"), (3, "3/3/3"), (4, "4/4/4"), (5, "4/5/5!")]
)
def test_a_stated_astct_grade_passes_through(grade: int, interval: str) -> None:
    assert shown(GRADES[("astct", "2019", "*", grade, "any")]) == interval


@pytest.mark.parametrize(("grade", "interval"), [(1, "0/1/2"), (2, "1/2/3"), (3, "2/3/4!"), (4, "0/4/4!")])
def test_a_cres_total_without_components(grade: int, interval: str) -> None:
    assert shown(GRADES[("cres", "2018", "*", grade, "any")]) == interval


CHILDREN = f"""
{V4_ON} | Agitation | 1 2 | 0/-/3!
{V4_ON} | Irritability | 1 2 | 0/-/3!
{V4_ON} | Restlessness | 1 2 | 0/-/3!
{V4_ON} | Hallucinations | 1 2 | 0/-/3!
{V4_ON} | Psychosis | 1 | 0/-/3!
3.0 | Psychosis (hallucinations/delusions) | 2 | 0/-/3!
2.0 | Mood alteration-anxiety, agitation | 1 2 | 0/-/3!
{V4_ON} | Encephalopathy | 1 | 0/1/3
{V4_ON} | Confusion | 1 | 0/1/3
{V4_ON} | Delirium | 1 | 0/1/3
2.0 3.0 | Confusion | 1 | 0/1/3
any | Mental status changes | 1 | 0/1/3
6.0 | ICANS | 1 | 1/1/3
"""


@pytest.mark.parametrize(("version", "term", "grade", "interval"), lines(CHILDREN))
def test_child_row(version: str, term: str, grade: int, interval: str) -> None:
    row = GRADES[("ctcae", version, concept_of(term, version), grade, "child")]
    assert shown(row) == interval


def test_delirium_confusion_or_encephalopathy_of_a_child_reaches_three() -> None:
    for (scale, version, concept, grade, population), row in GRADES.items():
        if (
            scale == "ctcae"
            and concept in ("delirium", "confusion", "encephalopathy")
            and population == "any"
        ):
            read = GRADES.get((scale, version, concept, grade, "child"), row)
            assert read["high"] >= 3, read["rule_id"]


def test_undefined_grades_have_no_row() -> None:
    assert ("ctcae", "4.03", "dysphasia", 4, "any") not in GRADES
    assert ("ctcae", "4.03", "lethargy", 3, "any") not in GRADES
    assert ("ctcae", "4.03", "cerebral_edema", 5, "any") not in GRADES
    assert ("ctcae", "3.0", "seizure", 1, "any") not in GRADES


def test_a_part_of_a_word_is_not_the_word() -> None:
    assert concept_of("Coma", "any") == "coma"
    assert concept_of("Glaucoma", "4.03") == "glaucoma"


def test_a_term_with_rows_of_its_own_does_not_take_those_of_a_wider_term() -> None:
    own = ("Coma", "Stupor", "Unresponsive to stimuli", "Status epilepticus", "Loss of consciousness")
    assert not {concept_of(term, "any") for term in own} & {"depressed_consciousness", "seizure"}
    assert concept_of("Hemiparesis", "4.03") != concept_of("Muscle weakness left-sided", "4.03")
    assert concept_of("Mutism", "any") != "dysphasia"


def test_no_release_claims_a_review_it_has_not_had() -> None:
    assert RELEASE.status == "under_review"
    assert RELEASE.review_status == "under review, not clinically reviewed"
    about = RELEASE.tables["map_releases"].row(0, named=True)
    assert about["clinical_sign_offs"] == about["data_sign_offs"] == 0
