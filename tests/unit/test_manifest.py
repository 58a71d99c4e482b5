"""The study manifest: strict, typed, and clear about what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import ManifestError
from schemas.manifest import normalise_version, parse_manifest

MINIMAL: dict[str, Any] = {
    "study": "A-1",
    "files": [{"path": "ae.csv", "role": "adverse_events"}],
    "grading": {"scale": "ctcae", "version": "4.03"},
    "infusions": {"source": "none"},
}


def with_file(**keys: Any) -> dict[str, Any]:
    return MINIMAL | {"files": [MINIMAL["files"][0] | keys]}


def test_the_least_manifest_gets_the_documented_defaults() -> None:
    manifest = parse_manifest(MINIMAL, "study.yaml")
    assert manifest.windows.primary_days == 30
    assert manifest.windows.sensitivity_days == (56,)
    assert manifest.attribution == "widen"
    assert manifest.episodes.gap_days == 7
    assert manifest.ae_table_complete
    assert manifest.grading.half_grades == "reject"
    assert not manifest.grading.verbatim_terms


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (MINIMAL | {"atribution": "widen"}, ["atribution", "unknown key", "nearest valid: attribution"]),
        (MINIMAL | {"windows": {"primary": 30}}, ["windows.primary", "nearest valid: primary_days"]),
        (with_file(rol="x"), ["files.0.rol", "nearest valid: role"]),
        (with_file(columns={"grad": "G"}), ["unknown field 'grad'", "nearest valid: grade"]),
        (with_file(path="../other/ae.csv"), ["must be a path inside the study folder"]),
        (with_file(path="/etc/ae.csv"), ["must be a path inside the study folder"]),
        (with_file(path="a\x00b"), ["must be a path inside the study folder"]),
        (with_file(delimiter=";;"), ["must be one character"]),
        (with_file(role="exposure"), ["no file has the role adverse_events"]),
        ({k: v for k, v in MINIMAL.items() if k != "grading"}, ["grading", "required"]),
        (MINIMAL | {"grading": {"scale": "ctcae", "version": 5.0}}, ["write the version in quotes"]),
        (MINIMAL | {"grading": {"scale": "ctcae", "version": "7.0"}}, ["has no version '7.0'", "6.0"]),
        (MINIMAL | {"grading": {"scale": "severity", "version": "1"}}, ["leave the key out"]),
        (
            MINIMAL | {"grading": {"scale": "severity", "conventions": ["any_seizure_grade_3"]}},
            ["conventions act on CTCAE grades"],
        ),
        (MINIMAL | {"study": "../x"}, ["study"]),
        (MINIMAL | {"study": "a;drop table"}, ["study"]),
        (MINIMAL | {"infusions": {"source": "exposure"}}, ["no file has the role exposure"]),
        (MINIMAL | {"windows": {"primary_days": 30, "sensitivity_days": [30]}}, ["must all differ"]),
        (MINIMAL | {"files": MINIMAL["files"] * 2}, ["listed twice"]),
        (MINIMAL | {"manifest_version": 2}, ["manifest_version"]),
    ],
)
def test_what_is_wrong_is_named(content: dict[str, Any], expected: list[str]) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(content, "study.yaml")
    message = str(caught.value)
    assert message.startswith("study.yaml")
    assert "Next: " in message
    for part in expected:
        assert part in message


@pytest.mark.parametrize(
    ("scale", "written", "read"),
    [
        ("ctcae", "4.0", "4.03"),
        ("ctcae", "v4", "4.03"),
        ("ctcae", "CTCAE v5.0", "5.0"),
        ("ctcae", "Version 3", "3.0"),
        ("ctcae", "2.0", "2.0"),
        ("cres", "2018", "2018"),
        ("ctcae", "9", "9"),
        ("ctcae", None, None),
    ],
)
def test_versions_are_read_as_the_release_names_them(
    scale: str, written: str | None, read: str | None
) -> None:
    assert normalise_version(scale, written) == read
