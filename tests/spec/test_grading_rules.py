"""Rules of the grading contract, sections 3.1 to 3.3: scale, conventions, terms.

One small table each: left of `=>` what the study records, right of it what must come out. The release
is the shipped one unless a rule needs a shape it does not have: then it is that of
`tests.small_release`. Numbers in brackets are sections of the contract.
"""

from __future__ import annotations

import pytest

from tests.small_release import small_release
from tests.spec.table import assert_events, assert_result, grade, read_table

SMALL = small_release()


# --- 3.1 source scale --------------------------------------------------------------------------


def test_the_same_number_means_different_things() -> None:
    """[3.1] The key is scale, version, concept and grade."""
    assert_events(
        """
        | term           | version | grade | => | low | point | high | rule_id                     |
        |----------------|---------|-------|----|-----|-------|------|-----------------------------|
        | Encephalopathy | 3.0     | 3     | => | 0   | 2     | 4    | ctcae:3.0:encephalopathy:3  |
        | Encephalopathy | 4.03    | 3     | => | 1   | 3     | 4    | ctcae:4.03:encephalopathy:3 |
        | Seizure        | 4.03    | 2     | => | 3   | 3     | 3    | ctcae:4.03:seizure:2        |
        | Seizure        | 5.0     | 3     | => | 3   | 3     | 4    | ctcae:5.0:seizure:3         |
        """
    )


def test_an_unknown_version_leaves_every_version_possible() -> None:
    """[3.1] Hull: lowest low, highest high; the point only if every version gives the same."""
    assert_events(
        """
        | term           | version | grade | => | low | point | high | rule_id        |
        |----------------|---------|-------|----|-----|-------|------|----------------|
        | Encephalopathy | unknown | 3     | => | 0   |       | 4    | K-HULL-VERSION |
        | Tremor         | unknown | 3     | => | 0   | 0     | 0    | K-HULL-VERSION |
        """
    )


def test_a_severity_word_is_the_hull_of_the_grades_it_can_mean() -> None:
    """[3.1] SEVERE is grade 3 or 4, in every version; the words compare as 1 to 5, marked as derived."""
    text = """
        | term           | scale    | grade | => | low | point | high | source_grade |
        |----------------|----------|-------|----|-----|-------|------|--------------|
        | Encephalopathy | severity | 1     | => | 0   | 1     | 2    | 1            |
        | Encephalopathy | severity | 3     | => | 0   |       | 4    | 3            |
        | Encephalopathy | severity | 4     | => | 1   | 4     | 4    | 4            |
        """
    assert_events(text)
    assert grade(read_table(text)[0])["diff_scale_events"]["is_source_derived"].to_list() == [True] * 3


def test_cres_totals_inform_and_astct_grades_pass_through() -> None:
    """[3.1, 2] CRES without its components is a hint; ASTCT stands; neither lifts an excluded term."""
    assert_events(
        """
        | term           | scale | grade | => | low | point | high | disposition        |
        |----------------|-------|-------|----|-----|-------|------|--------------------|
        | Encephalopathy | cres  | 1     | => | 0   | 1     | 2    | informs            |
        | Encephalopathy | cres  | 4     | => | 0   | 4     | 4    | needs_adjudication |
        | Encephalopathy | astct | 2     | => | 2   | 2     | 2    | informs            |
        | Headache       | astct | 2     | => | 0   | 0     | 0    | excluded           |
        """
    )


def test_a_grade_the_version_does_not_define_is_a_finding() -> None:
    """[3.1] Between neighbours: their hull. Above the highest: up to the top of the domain."""
    assert_events(
        """
        | term           | grade | => | low | point | high | rule_id            | source_grade |
        |----------------|-------|----|-----|-------|------|--------------------|--------------|
        | Dysphasia      | 4     | => | 2   | 3     | 3    | K-UNDEFINED-ABOVE  | 4            |
        | Lethargy       | 3     | => | 0   | 1     | 4    | K-UNDEFINED-ABOVE  | 3            |
        | Edema cerebral | 2     | => | 3   | 4     | 4    | K-UNDEFINED-INSIDE | 2            |
        | Headache       | 4     | => | 0   | 0     | 0    | K-UNDEFINED-ABOVE  | 4            |
        """
    )


def test_an_undefined_grade_5_is_still_a_death_report() -> None:
    """[3.1, 3.5] Point 5 where the highest grade below has point 3 or 4; an excluded term stays 0."""
    assert_events(
        """
        | term           | grade | => | low | point | high | disposition | rule_id           |
        |----------------|-------|----|-----|-------|------|-------------|-------------------|
        | Edema cerebral | 5     | => | 3   | 5     | 5    | fatal       | K-FATAL-UNDEFINED |
        | Lethargy       | 5     | => | 0   | 1     | 5    | fatal       | K-FATAL-UNDEFINED |
        | Headache       | 5     | => | 0   | 0     | 0    | excluded    | K-FATAL-UNDEFINED |
        """
    )


@pytest.mark.parametrize(
    ("vital", "fatal", "high"), [("unknown", "", 5), ("alive", "", 4), ("dead", "no", 4)]
)
def test_a_missing_grade_can_be_each_grade(vital: str, fatal: str, high: int) -> None:
    """[3.1] 5 is among them unless the outcome is not fatal or the subject is alive."""
    assert_events(
        f"""
        | term           | grade | fatal   | => | low | point | high   | rule_id        |
        |----------------|-------|---------|----|-----|-------|--------|----------------|
        | Encephalopathy | ?     | {fatal} | => | 0   |       | {high} | K-HULL-MISSING |
        | Tremor         | ?     | {fatal} | => | 0   | 0     | 0      | K-HULL-MISSING |
        """,
        subject={"vital_status": vital},
    )


def test_a_death_is_possible_in_a_version_without_a_fatal_row() -> None:
    """[3.1, law 2] Naming grade 5 must not widen what a missing grade left open."""
    assert_events(
        """
        | term        | grade | => | low | high | review                           |
        |-------------|-------|----|-----|------|----------------------------------|
        | Hemiparesis | ?     | => | 0   | 5    | grade_missing,needs_adjudication |
        | Hemiparesis | 5     | => | 4   | 5    | fatal_report,needs_adjudication,undefined_grade |
        """,
        release=SMALL,
    )


# --- 3.2 study conventions ---------------------------------------------------------------------


def test_a_grade_set_by_convention_carries_no_severity() -> None:
    """[3.2] Any seizure was graded 3: the row can be each grade covered; other grades stay as they are."""
    text = """
        | term    | grade | => | low | point | high | rule_id              |
        |---------|-------|----|-----|-------|------|----------------------|
        | Seizure | 3     | => | 3   | 3     | 4    | K-CONVENTION         |
        | Seizure | 2     | => | 3   | 3     | 3    | ctcae:4.03:seizure:2 |
        """
    declared = {"scale": "ctcae", "version": "4.03", "conventions": ["any_seizure_grade_3"]}
    assert_events(text, grading=declared)


def test_a_convention_touches_only_its_concepts() -> None:
    """[3.2] Any motor weakness was graded 4: anything from none to deep."""
    assert_events(
        """
        | term                       | grade | => | low | high | rule_id                     |
        |----------------------------|-------|----|-----|------|-----------------------------|
        | Muscle weakness left-sided | 4     | => | 0   | 4    | K-CONVENTION                |
        | Encephalopathy             | 4     | => | 2   | 4    | ctcae:4.03:encephalopathy:4 |
        """,
        grading={"scale": "ctcae", "version": "4.03", "conventions": ["any_motor_weakness_grade_4"]},
    )


# --- 3.3 finding the concept -------------------------------------------------------------------


def test_codes_come_first_then_the_coded_term_then_the_lowest_level_term() -> None:
    """[3.3] First hit wins and its method is recorded; an unknown code decides nothing."""
    assert_events(
        """
        | code     | term           | llt      | => | match_method      | concept_id     |
        |----------|----------------|----------|----|-------------------|----------------|
        | 10014625 | Headache       |          | => | llt_code          | encephalopathy |
        | 99999999 | Encephalopathy |          | => | preferred_term    | encephalopathy |
        |          | Zorbl          | Headache | => | lowest_level_term | headache       |
        |          | Seizure        | Headache | => | preferred_term    | seizure        |
        """,
        release=SMALL,
    )


@pytest.mark.parametrize(("allowed", "method"), [(False, "none"), (True, "verbatim_term")])
def test_the_verbatim_term_only_if_the_manifest_allows_it(allowed: bool, method: str) -> None:
    """[3.3]"""
    cells = [{"term": "", "verbatim": "encephalopathy"}]
    grading = {"scale": "ctcae", "version": "4.03", "verbatim_terms": allowed}
    found = grade(cells, grading=grading)["core_event_grades"]
    assert found["match_method"].item() == method


def test_the_whole_normalised_term_and_never_a_part_of_it() -> None:
    """[3.3] Case, blanks, hyphens, NOS, spelling; GLAUCOMA holds COMA and is no coma."""
    assert_events(
        """
        | term                | => | concept_id  | match_method   |
        |---------------------|----|-------------|----------------|
        | PAPILLOEDEMA        | => | papilledema | preferred_term |
        |  papilledema , NOS  | => | papilledema | preferred_term |
        | GLAUCOMA            | => |             | none           |
        """,
        release=SMALL,
    )


def test_a_code_that_versions_use_differently_counts_only_within_its_version() -> None:
    """[3.3] Code 77 is a seizure in v3 and a headache in v4.03."""
    assert_events(
        """
        | code | term | version | => | concept_id | match_method |
        |------|------|---------|----|------------|--------------|
        | 77   |      | 3.0     | => | seizure    | llt_code     |
        | 77   |      | 4.03    | => | headache   | llt_code     |
        | 77   |      | 5.0     | => |            | none         |
        | 77   |      | unknown | => |            | none         |
        """,
        release=SMALL,
    )


def test_a_term_that_versions_use_differently_stays_open_without_a_version() -> None:
    """[3.3, law 2] Whatever the class: naming the version must not widen."""
    assert_events(
        """
        | term    | version | grade | class                      | => | concept_id | low | point | high |
        |---------|---------|-------|----------------------------|----|------------|-----|-------|------|
        | Absence | 3.0     | 3     |                            | => | seizure    | 3   | 3     | 4    |
        | Absence | 4.03    | 3     |                            | => | headache   | 0   | 0     | 0    |
        | Absence | unknown | 3     | Gastrointestinal disorders | => |            | 0   |       | 4    |
        """,
        release=SMALL,
    )


def test_synonyms_take_the_rows_of_their_target_and_broader_terms_never_do() -> None:
    """[3.3]"""
    assert_events(
        """
        | term         | grade | => | concept_id | low | point | high | disposition |
        |--------------|-------|----|------------|-----|-------|------|-------------|
        | Convulsion   | 2     | => | seizure    | 3   | 3     | 3    | informs     |
        | CNS disorder | 2     | => |            | 0   |       | 4    | unmapped    |
        """,
        release=SMALL,
    )


def test_a_concept_the_version_does_not_define_takes_the_versions_that_do() -> None:
    """[3.3] Delirium in v3."""
    assert_events(
        """
        | term     | version | grade | => | low | point | high | rule_id        | review                 |
        |----------|---------|-------|----|-----|-------|------|----------------|------------------------|
        | Delirium | 3.0     | 1     | => | 0   | 0     | 2    | K-HULL-CONCEPT | concept_not_in_version |
        """,
        release=SMALL,
    )


def test_an_unmapped_term_counts_by_its_class() -> None:
    """[3.3] In scope, or without a class, any grade stays possible; elsewhere it is out of scope."""
    assert_events(
        """
        | term  | grade | class                      | => | low | point | high | disposition  |
        |-------|-------|----------------------------|----|-----|-------|------|--------------|
        | Zorbl | 2     | Nervous system disorders   | => | 0   |       | 4    | unmapped     |
        | Zorbl | 5     | Eye disorders              | => | 0   |       | 5    | unmapped     |
        | Zorbl | 2     |                            | => | 0   |       | 4    | unmapped     |
        | Zorbl | ?     |                            | => | 0   |       | 5    | unmapped     |
        | Zorbl | 4     | Gastrointestinal disorders | => | 0   | 0     | 0    | out_of_scope |
        """
    )


def test_the_work_list_weighs_unmapped_terms_by_events_and_subjects() -> None:
    """[3.3]"""
    frames = grade(
        read_table(
            """
            | subject | term   | grade | => |
            |---------|--------|-------|----|
            | 01      | Zorbl  | 2     | => |
            | 01      | ZORBL  | 3     | => |
            | 02      | zorbl  | ?     | => |
            | 02      | Tremor | 1     | => |
            """
        )[0]
    )
    assert_result(
        "core_unmapped_terms",
        "term_key",
        frames,
        """
        | => | term_key | body_system | events | subjects | max_source_grade |
        | => | zorbl    |             | 3      | 2        | 3                |
        """,
    )
