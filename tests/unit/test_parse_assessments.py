"""Reading one assessment cell: scores, bedside grades, durations with units, words, and why there is none."""

from __future__ import annotations

import pytest

from pipelines.ingest.assessment_words import CODE_WORDS, REASONS
from pipelines.ingest.parse_assessments import (
    IMPOSSIBLE,
    UNIT_UNKNOWN,
    UNREADABLE,
    ReadValue,
    is_blank,
    read_reason,
    read_value,
)
from pipelines.ingest.parse_grades import HALF_GRADE
from schemas.assessment_items import ITEMS, NOT_DONE_REASONS


def read(item: str, text: str, unit: str | None = None, **other: object) -> ReadValue:
    return read_value(item, text, unit, {}, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("item", "text", "value"),
    [
        ("ice_total", "0", 0),
        ("ice_total", "10", 10),
        ("ice_total", " 7.0 ", 7),
        ("ice_total", "7,0", 7),
        ("ice_total", "+7", 7),
        ("ice_total", "7/10", 7),
        ("ice_total", "7 / 10", 7),
        ("ice_total", "7 out of 10", 7),
        ("ice_total", "7 points", 7),
        ("ice_naming", "3/3", 3),
        ("cartox_orientation", "5", 5),
        ("capd_total", "32", 32),
        ("motor_power_mrc", "4/5", 4),
        ("motor_power_mrc", "4+", 4),
        ("motor_power_mrc", "4-/5", 4),
        ("motor_power_mrc", "MRC grade 3", 3),
        ("papilloedema_stage", "Frisen stage II", 2),
        ("astct_grade", "Grade 2", 2),
        ("astct_grade", "GR. 3", 3),
        ("astct_grade", "ICANS grade IV", 4),
        ("astct_grade", "III", 3),
        ("astct_grade", "5", 5),
        ("cres_grade", "CRES Grade 4", 4),
    ],
)
def test_a_whole_score_of_the_range_is_read(item: str, text: str, value: float) -> None:
    assert read(item, text) == ReadValue(value, None, "read")


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ("ice_total", "12"),
        ("ice_total", "-1"),
        ("ice_total", "\u22121"),
        ("ice_total", "99"),
        ("ice_total", "10.5"),
        ("ice_naming", "4"),
        ("ice_year", "2"),
        ("capd_total", "33"),
        ("motor_power_mrc", "6"),
        ("astct_grade", "6"),
        ("cres_grade", "5"),
        ("ice_total", "9" * 30),
        ("seizure_duration_min", "-3"),
        ("seizure_duration_min", "10081"),
    ],
)
def test_a_number_outside_the_range_is_impossible(item: str, text: str) -> None:
    assert read(item, text) == ReadValue(None, None, "impossible", None, IMPOSSIBLE)


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ("ice_total", "4.5"),
        ("ice_total", "abc"),
        ("ice_total", "6-7"),
        ("ice_total", ">=3"),
        ("ice_total", "7/9"),
        ("ice_total", "III"),
        # What a spreadsheet makes of 7/10.
        ("ice_total", "2025-07-10"),
        ("ice_total", "10-Jul"),
        ("ice_total", "1e1"),
        ("ice_total", "=SUM(A1:A3)"),
        ("ice_total", "7" * 10_000),
        ("astct_grade", "MILD"),
        ("astct_grade", "2.3"),
        ("motor_power_mrc", "5-"),
        ("arousal", "V"),
        ("arousal", "to pain"),
        ("focal_weakness", "MILD"),
        ("seizure", "maybe"),
        ("seizure_type", "NONCONVULSIVE STATUS EPILEPTICUS"),
        ("posturing", "YES"),
        ("seizure_duration_min", "> 5 min"),
        ("seizure_duration_min", "brief"),
        ("seizure_duration_min", "00:61:00"),
        ("seizure_duration_min", "PT"),
    ],
)
def test_a_text_that_is_no_value_is_unreadable(item: str, text: str) -> None:
    assert read(item, text) == ReadValue(None, None, "unreadable", None, UNREADABLE)


@pytest.mark.parametrize(
    ("item", "text", "policy", "value", "rule"),
    [
        ("astct_grade", "2.5", "reject", None, HALF_GRADE),
        ("astct_grade", "2.5", "ceil", 3, HALF_GRADE),
        ("astct_grade", "Grade 0,5", "ceil", 1, HALF_GRADE),
        ("astct_grade", "3.5", "ceil", 4, HALF_GRADE),
        ("astct_grade", "4.5", "ceil", None, HALF_GRADE),
        ("cres_grade", "3.5", "ceil", 4, HALF_GRADE),
        ("ice_total", "2.5", "ceil", None, UNREADABLE),
    ],
)
def test_half_grades_follow_the_manifest_and_half_scores_are_never_read(
    item: str, text: str, policy: str, value: float | None, rule: str
) -> None:
    found = read(item, text, half_grades=policy)
    assert (found.value, found.rule_id) == (value, rule)
    assert found.status == ("unreadable" if value is None else "read")


@pytest.mark.parametrize(
    ("text", "unit", "has_unit_column", "minutes"),
    [
        ("3", None, False, 3.0),
        ("3", "MIN", True, 3.0),
        ("90", "SEC", True, 1.5),
        ("90", "seconds", True, 1.5),
        ("90 s", None, False, 1.5),
        ("90 sec.", "", True, 1.5),
        ("90 s", "SEC", True, 1.5),
        ("300", "SEC", True, 5.0),
        ("2", "HOURS", True, 120.0),
        ("1,5 min", None, False, 1.5),
        ("00:01:30", None, False, 1.5),
        ("00:01:30", "SEC", True, 1.5),
        ("PT90S", None, False, 1.5),
        ("PT1M30S", None, False, 1.5),
        ("PT1H", None, False, 60.0),
    ],
)
def test_durations_become_minutes(text: str, unit: str | None, has_unit_column: bool, minutes: float) -> None:
    found = read("seizure_duration_min", text, unit, has_unit_column=has_unit_column)
    assert found == ReadValue(minutes, None, "read")


@pytest.mark.parametrize(
    ("text", "unit"),
    [("90", None), ("90", "UNK"), ("90", "m"), ("90", "DAYS"), ("90 s", "MIN"), ("90 m", None)],
)
def test_a_duration_without_a_known_unit_is_not_guessed(text: str, unit: str | None) -> None:
    found = read("seizure_duration_min", text, unit, has_unit_column=True)
    assert found == ReadValue(None, None, "unreadable", None, UNIT_UNKNOWN)


@pytest.mark.parametrize(
    ("item", "text", "code"),
    [
        ("arousal", "ALERT", "alert"),
        ("arousal", "Awakens spontaneously", "spontaneous"),
        ("arousal", "to voice", "voice"),
        ("arousal", "AWAKENS TO VOICE", "voice"),
        ("arousal", "Awakens only to tactile stimulus", "touch"),
        ("arousal", "TO TACTILE STIMULUS", "touch"),
        ("arousal", "Unarousable", "unarousable"),
        ("arousal", "requires vigorous or repetitive tactile stimuli", "unarousable"),
        ("arousal", "coma", "unarousable"),
        ("seizure", "Y", "yes"),
        ("seizure", "absent", "no"),
        ("seizure", "0", "no"),
        ("papilloedema", "Present", "yes"),
        ("seizure_type", "Generalized tonic-clonic", "clinical_generalised"),
        ("seizure_type", "status epilepticus", "status_epilepticus"),
        ("seizure_type", "EEG only", "electrographic"),
        ("seizure_type", "No", "none"),
        ("imaging_oedema", "Focal/local edema on neuroimaging", "focal"),
        ("imaging_oedema", "DIFFUSE CEREBRAL OEDEMA", "diffuse"),
        ("imaging_oedema", "NONE", "none"),
        ("focal_weakness", "Hemiparesis", "deep"),
        ("posturing", "Decorticate posturing", "decorticate"),
    ],
)
def test_words_of_an_item(item: str, text: str, code: str) -> None:
    assert read(item, text) == ReadValue(None, code, "read")


def test_every_code_of_every_list_is_a_word_of_itself() -> None:
    for name, item in ITEMS.items():
        if item.kind == "code":
            assert set(CODE_WORDS[name].values()) == set(item.codes), name
            for code in item.codes:
                assert read(name, code).code == code
    assert set(REASONS.values()) == set(NOT_DONE_REASONS)
    assert all(read_reason(code, {}) == code for code in NOT_DONE_REASONS)


@pytest.mark.parametrize(
    ("item", "text", "reason"),
    [
        ("ice_total", "UNAROUSABLE", "unarousable"),
        ("ice_total", "Sedated", "sedated"),
        ("capd_total", "not done", "not_done"),
        ("ice_total", "ND", "not_done"),
        ("arousal", "sedated", "sedated"),
        ("seizure", "UNKNOWN", "other"),
        ("seizure_duration_min", "NK", "other"),
    ],
)
def test_a_cell_that_says_why_there_is_no_value_is_not_done(item: str, text: str, reason: str) -> None:
    assert read(item, text) == ReadValue(None, None, "not_done", reason)


def test_unarousable_is_a_word_of_arousal_and_a_reason_elsewhere() -> None:
    assert read("arousal", "UNAROUSABLE").code == "unarousable"
    assert read("astct_grade", "UNAROUSABLE").reason == "unarousable"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, None),
        ("NA", None),
        ("Patient unarousable", "unarousable"),
        ("INTUBATED", "intubated"),
        ("Language barrier", "language"),
        ("patient refused", "refused"),
        ("site error", "not_done"),
        ("the dog ate it", "other"),
    ],
)
def test_reasons(text: str | None, reason: str | None) -> None:
    assert read_reason(text, {}) == reason


def test_words_of_the_manifest_come_first() -> None:
    words = {
        "arousal": {"ALERT": "spontaneous", "P": "touch"},
        "ice_total": {"ALL RIGHT": "10"},
        "reason": {"Z": "sedated"},
    }
    assert read_value("arousal", "alert", None, words).code == "spontaneous"
    assert read_value("arousal", " p ", None, words).code == "touch"
    assert read_value("ice_total", "all right", None, words).value == 10
    assert read_value("ice_total", "z", None, words).reason == "sedated"
    assert read_reason("Z", words) == "sedated"


@pytest.mark.parametrize(
    ("text", "blank"),
    [
        (None, True),
        ("", True),
        (" \t", True),
        ("N/A", True),
        ("NaN", True),
        (".", True),
        ("NOT DONE", False),
        ("NK", False),
        ("0", False),
    ],
)
def test_what_counts_as_a_blank_cell(text: str | None, blank: bool) -> None:
    assert is_blank(text) is blank
