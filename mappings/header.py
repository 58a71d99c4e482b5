"""The SSSOM metadata block at the top of the mapping sets of a release.

What may live here: the block as it must be, made from `release.yaml`. What may not: reading it. The block
says nothing that the release does not say elsewhere, so it is written by machine and compared whole.
"""

from __future__ import annotations

from collections.abc import Mapping

from mappings.release_file import ReleaseFile
from mappings.sheets import FILES, PROVENANCE

TITLES: Mapping[str, str] = {
    "terms.tsv": "CTCAE and preferred terms to concepts",
    "grades.tsv": "Graded concepts to ICANS intervals",
}
"""File that is an SSSOM mapping set -> its title; the other files of a release have no such block."""

SSSOM_VERSION = "1.1"
"""Version of the format: `review_date` is new in it."""

SSSOM_SLOTS = (
    *("subject_id", "subject_label", "predicate_id", "object_id", "object_label"),
    *("mapping_justification", *PROVENANCE, "comment"),
)
"""Columns of the files that SSSOM 1.1 defines; every other one is declared as an extension slot."""

_INTEGERS = ("grade", "low", "point", "high")
_PREFIXES = {
    "regrade": "urn:icans-regrade:",
    "regrade.concept": "urn:icans-regrade:concept:",
    "regrade.grade": "urn:icans-regrade:grade:",
    "regrade.term": "urn:icans-regrade:term:",
    "ICANS": "urn:icans-regrade:icans:",
    "MEDDRA": "http://purl.bioontology.org/ontology/MEDDRA/",
    "semapv": "https://w3id.org/semapv/vocab/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
}
_SIGNED = {
    (False, False): "no clinical sign-off",
    (False, True): "no clinical sign-off, signed off for data",
    (True, False): "clinical sign-off, none for data",
    (True, True): "clinical and data sign-off",
}


def render_header(file: str, about: ReleaseFile) -> tuple[str, ...]:
    """Comment lines of a file of a release, without their '#'; none for a file that is no mapping set."""
    if file not in TITLES:
        return ()
    status = about.status.replace("_", " ").capitalize()
    signed = _SIGNED[bool(about.count("clinical")), bool(about.count("data"))]
    lines = [
        f'sssom_version: "{SSSOM_VERSION}"',
        f'mapping_set_id: "regrade:releases/{about.release_id}/{file.removesuffix(".tsv")}"',
        f'mapping_set_version: "{about.release_id}"',
        f'mapping_set_title: "{TITLES[file]}"',
        f'publication_date: "{about.date}"',
        f'license: "https://spdx.org/licenses/{about.licence}"',
        f'comment: "{status}; {signed}. Blank cells are null."',
        "curie_map:",
        *(f'  {prefix}: "{address}"' for prefix, address in _PREFIXES.items()),
        "extension_definitions:",
    ]
    for column in FILES[file][1]:
        if column not in SSSOM_SLOTS:
            kind = "integer" if column in _INTEGERS else "string"
            lines.append(f"  - slot_name: {column}")
            lines.append(f'    property: "regrade:{column}"')
            lines.append(f'    type_hint: "xsd:{kind}"')
    return tuple(lines)
