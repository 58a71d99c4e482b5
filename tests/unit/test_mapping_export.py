"""Exports of a release: SSSOM that its own reader accepts, a ConceptMap as FHIR R5 defines it."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
import sssom_pydantic

from mappings.export import render_fhir_concept_map, render_sssom
from mappings.export.labels import interval_label, possible_grades
from mappings.loader import load_release
from mappings.release import Release
from tests.small_release import small_release

Json = dict[str, Any]
RELEASES = {"shipped": load_release(), "small": small_release()}
TABLES = {
    "terms.sssom.tsv": "map_terms",
    "grades.sssom.tsv": "map_grades",
    "conventions.sssom.tsv": "map_conventions",
}


@pytest.fixture(params=list(RELEASES))
def release(request: pytest.FixtureRequest) -> Release:
    return RELEASES[request.param]


def rows(text: str) -> list[dict[str, str]]:
    body = [line for line in io.StringIO(text, newline="") if not line.startswith("#")]
    return list(csv.DictReader(body, delimiter="\t"))


# SSSOM


@pytest.mark.parametrize("name", list(TABLES))
def test_the_reader_of_sssom_takes_every_mapping_and_finds_no_fault(release: Release, name: str) -> None:
    text = render_sssom(release)[name]
    mappings, converter, about, errors = sssom_pydantic.read(io.StringIO(text), return_errors=True)
    assert errors == []
    assert len(mappings) == release.tables[TABLES[name]].height
    assert about.version == release.release_id
    assert release.review_status in str(about.comment)
    for mapping in mappings:
        for reference in (mapping.subject, mapping.predicate, mapping.object):
            assert converter.expand_pair(reference.prefix, reference.identifier)


def test_the_reader_of_sssom_finds_a_fault_where_there_is_one() -> None:
    text = render_sssom(RELEASES["small"])["terms.sssom.tsv"]
    broken = text.replace("skos:exactMatch", "nowhere:exactMatch", 1)
    assert sssom_pydantic.read(io.StringIO(broken), return_errors=True)[3] != []


def test_every_column_is_a_slot_of_sssom_or_declared(release: Release) -> None:
    known = set(sssom_pydantic.Record.model_fields)
    for text in render_sssom(release).values():
        declared = {line.split()[-1] for line in text.splitlines() if line.startswith("#  - slot_name:")}
        columns = set(rows(text)[0])
        assert declared == columns - known
        assert {"subject_id", "predicate_id", "object_id", "mapping_justification"} <= columns


@pytest.mark.parametrize(("name", "table"), list(TABLES.items()))
def test_every_decision_is_exported_cell_by_cell(release: Release, name: str, table: str) -> None:
    frame = release.tables[table]
    renamed = {
        "justification": "mapping_justification",
        "rationale": "comment",
        "note": "comment",
        "author": "author_label",
        "decided_on": "mapping_date",
        "reviewed_by": "reviewer_label",
        "reviewed_on": "review_date",
    }
    left_out = {"release_id", "layer", "term", "concept_id", "rule_id", "convention_id"}
    for row, found in zip(frame.iter_rows(named=True), rows(render_sssom(release)[name]), strict=True):
        for column in set(row) - left_out:
            wanted = "" if row[column] is None else str(row[column])
            assert found[renamed.get(column, column)] == wanted, (column, row)
        if table == "map_grades":
            assert found["subject_id"] == f"regrade.grade:{row['rule_id']}"
            assert found["object_id"] == f"ICANS:{row['low']}-{row['high']}"


def test_a_term_without_a_decision_has_no_object() -> None:
    (row,) = [row for row in rows(render_sssom(RELEASES["small"])["terms.sssom.tsv"])
              if row["subject_label"] == "Odd feeling"]  # fmt: skip
    assert (row["object_id"], row["object_label"]) == ("sssom:NoTermFound", "")


def test_a_narrower_term_has_a_broader_concept() -> None:
    found = {
        row["subject_label"]: row["predicate_id"]
        for row in rows(render_sssom(RELEASES["shipped"])["terms.sssom.tsv"])
    }
    assert found["Burning sensation"] == "skos:broadMatch"
    assert found["Somnolence"] == "skos:exactMatch"


def test_a_quote_in_a_cell_is_doubled() -> None:
    small = RELEASES["small"]
    grades = small.tables["map_grades"].with_columns(
        rationale=pl.lit('"life-threatening; disabling", so low is 1')
    )
    quoted = dataclasses.replace(small, tables={**small.tables, "map_grades": grades})
    text = render_sssom(quoted)["grades.sssom.tsv"]
    assert '"""life-threatening; disabling"", so low is 1"' in text
    assert rows(text)[0]["comment"] == '"life-threatening; disabling", so low is 1'


def test_a_release_without_conventions_has_no_such_set() -> None:
    small = RELEASES["small"]
    bare = dataclasses.replace(
        small, tables={**small.tables, "map_conventions": small.tables["map_conventions"].clear()}
    )
    assert list(render_sssom(bare)) == ["terms.sssom.tsv", "grades.sssom.tsv"]


# FHIR R5

RELATIONSHIPS = {
    "related-to",
    "equivalent",
    "source-is-narrower-than-target",
    "source-is-broader-than-target",
    "not-related-to",
}
PROPERTY_TYPES = {"Coding", "string", "integer", "boolean", "dateTime", "decimal", "code"}
ATTRIBUTE_TYPES = {"code", "Coding", "string", "boolean", "Quantity"}
VALUES = {
    "code": "valueCode",
    "string": "valueString",
    "boolean": "valueBoolean",
    "integer": "valueInteger",
    "dateTime": "valueDateTime",
}
ELEMENTS = {
    "ConceptMap": (
        {"resourceType", "status"},
        {"id", "url", "version", "name", "title", "experimental", "description", "copyright", "property"}
        | {"additionalAttribute", "group"},
    ),
    "property": ({"code", "type"}, {"uri", "description", "system"}),
    "additionalAttribute": ({"code", "type"}, {"uri", "description"}),
    "group": ({"element"}, {"source", "target", "unmapped"}),
    "element": (set(), {"code", "display", "valueSet", "noMap", "target"}),
    "target": (
        {"relationship"},
        {"code", "display", "valueSet", "comment", "property", "dependsOn", "product"},
    ),
    "unmapped": ({"mode"}, {"code", "display", "valueSet", "relationship", "otherMap"}),
}
"""Required and optional elements the export may use, https://hl7.org/fhir/R5/conceptmap.html."""


def faults(resource: Json) -> Iterator[str]:
    """What FHIR R5 asks of a ConceptMap: elements, codes, and its invariants."""
    yield from shape("ConceptMap", resource)
    if resource.get("resourceType") != "ConceptMap":
        yield "resourceType"
    if resource.get("status") not in {"draft", "active", "retired", "unknown"}:
        yield "status"
    if not resource.get("name", "A").isidentifier() or not resource.get("name", "A")[0].isupper():
        yield "the name is no identifier"
    if {"|", "#"} & set(resource.get("url", "")):
        yield "the url holds | or #"
    properties = {item.get("code"): item for item in resource.get("property", [])}
    attributes = {item.get("code"): item for item in resource.get("additionalAttribute", [])}
    for item in properties.values():
        yield from shape("property", item)
        if item.get("type") not in PROPERTY_TYPES:
            yield f"type of property {item.get('code')}"
        if (item.get("type") == "code") != ("system" in item):
            yield f"a property of type code has a system, others none: {item.get('code')}"
    for item in attributes.values():
        yield from shape("additionalAttribute", item)
        if item.get("type") not in ATTRIBUTE_TYPES:
            yield f"type of attribute {item.get('code')}"
    for group in resource.get("group", []):
        yield from shape("group", group)
        if not group.get("element"):
            yield "a group without elements"
        if "unmapped" in group:
            yield from unmapped_faults(group["unmapped"])
        codes = [element.get("code") for element in group.get("element", [])]
        if len(set(codes)) != len(codes):
            yield "a source code twice in a group"
        for element in group.get("element", []):
            yield from shape("element", element)
            if ("code" in element) == ("valueSet" in element):
                yield "an element has a code or a value set"
            if element.get("noMap") and "target" in element:
                yield "noMap with a target"
            if not element.get("noMap") and not element.get("target"):
                yield "an element with neither target nor noMap"
            if not is_code(element.get("code", "")):
                yield f"{element.get('code')!r} is no FHIR code"
            for target in element.get("target", []):
                yield from target_faults(target, resource.get("status", ""), properties, attributes)


def target_faults(target: Json, status: str, properties: Json, attributes: Json) -> Iterator[str]:
    yield from shape("target", target)
    if target.get("relationship") not in RELATIONSHIPS:
        yield f"relationship {target.get('relationship')}"
    if not is_code(target.get("code", "")):
        yield f"{target.get('code')!r} is no FHIR code"
    vague = target.get("relationship") in {"source-is-broader-than-target", "not-related-to"}
    if vague and status != "draft" and "comment" not in target:
        yield "a broader source without a comment"
    for item in target.get("property", []):
        declared = properties.get(item.get("code"))
        if declared is None or set(item) != {"code", VALUES[declared["type"]]}:
            yield f"property {item}"
    for item in target.get("dependsOn", []):
        declared = attributes.get(item.get("attribute"))
        if declared is None or set(item) != {"attribute", VALUES[declared["type"]]}:
            yield f"dependsOn {item}"


def unmapped_faults(unmapped: Json) -> Iterator[str]:
    yield from shape("unmapped", unmapped)
    mode = unmapped.get("mode")
    if mode not in {"use-source-code", "fixed", "other-map"}:
        yield f"mode {mode}"
    if mode == "fixed" and "code" not in unmapped and "valueSet" not in unmapped:
        yield "mode fixed without a code"
    if (mode == "other-map") != ("otherMap" in unmapped):
        yield "mode other-map and its map"
    if (mode == "other-map") == ("relationship" in unmapped):
        yield "a relationship unless another map is named"
    if unmapped.get("relationship", "equivalent") not in RELATIONSHIPS:
        yield f"relationship {unmapped.get('relationship')}"


def shape(name: str, item: Json) -> Iterator[str]:
    required, optional = ELEMENTS[name]
    for key in sorted(required - set(item)):
        yield f"{name} lacks {key}"
    for key in sorted(set(item) - required - optional):
        yield f"{name} has no {key}"
    for key, value in item.items():
        if value is None or value in ("", [], {}):
            yield f"{name}.{key} is empty"


def is_code(text: str) -> bool:
    """A FHIR code: no outer blank, no double blank."""
    return text != "" and text == " ".join(text.split())


def test_the_concept_map_is_what_fhir_r5_defines(release: Release) -> None:
    assert list(faults(render_fhir_concept_map(release))) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda map_: map_.pop("status"),
        lambda map_: map_.update(status="under_review"),
        lambda map_: map_.update(equivalence="x"),
        lambda map_: map_["group"][0]["element"][0].update(noMap=True),
        lambda map_: map_["group"][0]["element"][0]["target"][0].pop("relationship"),
        lambda map_: map_["group"][0]["element"][0]["target"][0].update(relationship="wider"),
        lambda map_: map_["group"][0]["unmapped"].pop("code"),
        lambda map_: map_["group"][0]["unmapped"].update(mode="provided"),
        lambda map_: map_["property"].pop(0),
        lambda map_: map_["additionalAttribute"].clear(),
        lambda map_: map_["group"][2]["element"].append(map_["group"][2]["element"][0]),
    ],
)
def test_the_checker_sees_a_map_that_is_not(damage: Any) -> None:
    resource = json.loads(json.dumps(render_fhir_concept_map(RELEASES["shipped"])))
    damage(resource)
    assert list(faults(resource)) != []


def elements(release: Release, source: str) -> dict[str, Json]:
    groups = {group["source"]: group for group in render_fhir_concept_map(release)["group"]}
    return {element["code"]: element for element in groups[source]["element"]}


def test_a_graded_concept_points_to_every_grade_it_allows_and_to_no_other(release: Release) -> None:
    found = elements(release, "urn:icans-regrade:grade")
    seen = 0
    for row in release.tables["map_grades"].iter_rows(named=True):
        element = found[row["rule_id"].removesuffix(":child")]
        several = {t["dependsOn"][0]["valueCode"] for t in element["target"] if "dependsOn" in t}
        assert several in (set(), {"adult", "child"}, {"child"})
        population = {"child"} if row["population"] == "child" else {"adult"} & several
        targets = [
            target for target in element["target"]
            if {item["valueCode"] for item in target.get("dependsOn", [])} == population
        ]  # fmt: skip
        seen += len(targets)
        assert [int(target["code"]) for target in targets] == possible_grades(row)
        points = [
            int(t["code"])
            for t in targets
            if {"code": "most-defensible", "valueBoolean": True} in t["property"]
        ]
        assert points == ([] if row["point"] is None else [row["point"]])
        assert {target["comment"] for target in targets} == {row["rationale"]}
    assert seen == sum(len(element["target"]) for element in found.values())


def test_terms_and_codes_point_to_their_concepts_in_their_versions(release: Release) -> None:
    for source, is_coded in (("https://www.meddra.org", True), ("urn:icans-regrade:term", False)):
        found = elements(release, source)
        wanted = {
            (row["code"] or row["term_key"], row["concept_id"], row["scale_version"])
            for row in release.tables["map_terms"].iter_rows(named=True)
            if bool(row["code"]) == is_coded
        }
        exported = {
            (code, target["code"], target.get("dependsOn", [{"valueCode": "any"}])[0]["valueCode"])
            for code, element in found.items()
            for target in element.get("target", [])
        }
        assert exported == {row for row in wanted if row[1] is not None}
        assert {code for code, element in found.items() if element.get("noMap")} == {
            row[0] for row in wanted if row[1] is None
        }


def test_motor_is_zero_or_four() -> None:
    motor = {"domains": "motor", "low": 0, "point": None, "high": 4}
    assert possible_grades(motor) == [0, 4]
    assert interval_label(motor) == "ICANS 0 or 4"
    assert interval_label(motor | {"high": 5}) == "ICANS 0, 4 or 5"
    assert interval_label(motor | {"domains": "cognition", "low": 1, "high": 3}) == "ICANS 1 to 3"
    assert interval_label(motor | {"low": 4, "point": 4}) == "ICANS 4"


def test_the_status_of_the_release_is_that_of_the_map() -> None:
    small = RELEASES["small"]
    for status, wanted in (("draft", "draft"), ("published", "active"), ("withdrawn", "retired")):
        found = render_fhir_concept_map(dataclasses.replace(small, status=status))
        assert (found["status"], found["experimental"]) == (wanted, status != "published")
    assert "not clinically reviewed" in render_fhir_concept_map(RELEASES["shipped"])["description"]


def test_the_id_of_a_release_with_overlays_is_one_fhir_allows() -> None:
    layered = dataclasses.replace(RELEASES["small"], release_id="1.1.0+acme.0123abcd+meddra.26.1")
    found = render_fhir_concept_map(layered)
    assert found["version"] == layered.release_id
    assert set(found["id"]) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")
    assert len(found["id"]) <= 64


def test_the_same_release_gives_the_same_bytes(release: Release) -> None:
    assert render_sssom(release) == render_sssom(release)
    assert json.dumps(render_fhir_concept_map(release)) == json.dumps(render_fhir_concept_map(release))
