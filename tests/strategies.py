"""Studies nobody would write by hand: made by Hypothesis (small, shrinking) or by a seed (many subjects).

Both make the same choices through a `Chooser`. Only inputs are made here, never an expectation. A
`Release` gives the terms, so that each concept, spelling and code of it can turn up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from hypothesis import strategies as st

from mappings.release import Release
from schemas.manifest import StudyManifest
from schemas.vocabulary import CTCAE_VERSIONS
from tests import studies
from tests.choices import Chooser, Drawn, Seeded, moment
from tests.strategies_of_assessments import (
    add_assessments,
    add_crs,
    add_history,
    make_context,
    named_causes,
)
from tests.studies import Row, Rows

UNMAPPED = ("Zorbl syndrome", "Nausea", "Glaucoma", "Sinus trouble", "CNS disorder", "Odd feeling", "  - ")
CLASSES = ("Nervous system disorders", "NERVOUS SYSTEM DISORDERS", "Gastrointestinal disorders", "Blorb")
TELLING_ROLES = ("haemorrhage", "stroke", "cns_infection", "cns_progression", "crs")


@dataclass(frozen=True)
class Terms:
    """What an event can be called: (preferred term, code) pairs, telling ones repeated.

    `informing` ones can be ICANS in an adult.
    """

    named: tuple[tuple[str, str], ...]
    conventions: tuple[str, ...]
    informing: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, release: Release) -> Terms:
        tables = release.tables
        roles = {r["concept_id"]: r["cause_role"] for r in tables["map_concepts"].to_dicts()}
        grades = tables["map_grades"].to_dicts()
        weighty = {r["concept_id"] for r in grades if r["high"] >= 1 or r["population"] == "child"}
        weighty |= {concept for concept, role in roles.items() if role in TELLING_ROLES}
        rows = tables["map_terms"].to_dicts()
        plain = [(r["term"], r["code"]) for r in rows]
        telling = [(r["term"], r["code"]) for r in rows if r["concept_id"] in weighty]
        conventions = sorted({r["convention_id"] for r in tables["map_conventions"].to_dicts()})
        informs = {r["concept_id"] for r in grades if r["high"] >= 1 and r["population"] == "any"}
        informing = [(r["term"], r["code"]) for r in rows if r["concept_id"] in informs]
        return cls((*telling, *telling, *plain), tuple(conventions), tuple(informing))


@dataclass(frozen=True)
class Made:
    """A study: its checked rows and its manifest."""

    rows: Rows
    manifest: StudyManifest


def make_study(choose: Chooser, terms: Terms, most_subjects: int = 4, most_events: int = 6) -> Made:
    manifest = make_manifest(choose, terms)
    rows = studies.study([], [], [])
    has_subject_table = choose.pick([True, True, True, False])
    for number in range(1, choose.pick(range(1, most_subjects + 1)) + 1):
        _add_subject(choose, terms, manifest, rows, f"{number:03d}", has_subject_table, most_events)
    if choose.pick([False, False, True]):
        rows["core_rejected_rows"].append(studies.rejected(None, subject=None, number=9000))
    return with_named_causes(choose, rows, manifest)


def with_named_causes(choose: Chooser, rows: Rows, manifest: StudyManifest) -> Made:
    context = manifest.context.model_copy(update={"named_causes": named_causes(choose, rows)})
    return Made(rows, manifest.model_copy(update={"context": context}))


def make_manifest(choose: Chooser, terms: Terms) -> StudyManifest:
    scale = choose.pick(["ctcae", "ctcae", "ctcae", "severity", "cres", "astct", "none"])
    version = choose.pick([*CTCAE_VERSIONS, None]) if scale == "ctcae" else None
    declared = [(), (), *[(name,) for name in terms.conventions], terms.conventions]
    conventions = choose.pick(declared if scale == "ctcae" else [()])
    primary, *others = choose.pick([(30, 56), (30, 56), (30,), (7, 28), (56, 30)])
    return studies.manifest(
        grading={
            "scale": scale,
            "version": version,
            "conventions": conventions,
            "verbatim_terms": choose.pick([False, True]),
        },
        windows={"primary_days": primary, "sensitivity_days": others},
        attribution=choose.pick(["widen", "widen", "ignore", "exclude"]),
        ae_table_complete=choose.pick([True, True, True, False]),
        data_cutoff=choose.pick([None, None, date(2020, 1, 20), date(2020, 6, 1)]),
        episodes={"gap_days": choose.pick([7, 0, 1, 3])},
        context=make_context(choose),
    )


def _add_subject(
    choose: Chooser,
    terms: Terms,
    manifest: StudyManifest,
    rows: Rows,
    identifier: str,
    has_subject_table: bool,
    most_events: int,
) -> None:
    infusions = _infusions(choose, identifier)
    vital = choose.pick(["unknown", "alive", "dead"])
    died = moment(choose, choose.pick(range(1, 80))) if vital == "dead" else None
    first, last, _ = studies.instants(died)
    rows["core_infusions"] += infusions
    rows["core_subjects"].append(
        studies.subject(
            identifier,
            is_in_subject_table=has_subject_table,
            is_infused=bool(infusions),
            population=choose.pick(["adult", "adult", "child", "unknown"]),
            vital_status=vital,
            death_earliest=first,
            death_latest=last,
        )
    )
    for number in range(1, choose.pick(range(most_events + 1)) + 1):
        rows["core_adverse_events"].append(_event(choose, terms, manifest, identifier, number))
    if choose.pick([False, True]):
        rows["core_adverse_events"].append(_plain_event(choose, terms, manifest, identifier))
    add_assessments(choose, rows, identifier)
    add_crs(choose, rows, identifier)
    add_history(choose, rows, identifier)
    if choose.pick([False, False, False, True]):
        start = choose.pick(range(10))
        period = (start, start + choose.pick(range(6)))
        rows["core_sedation"].append(
            studies.sedation(
                moment(choose, period[0]),
                moment(choose, period[1]),
                subject=identifier,
                number=len(rows["core_sedation"]) + 1,
            )
        )
    if choose.pick([False, False, False, False, True]):
        term, code = choose.pick([*terms.named, *[(name, "") for name in UNMAPPED]])
        named = choose.pick([True, True, False])
        rows["core_rejected_rows"].append(
            studies.rejected(
                term if named else None,
                subject=identifier,
                number=1000 + int(identifier),
                llt_code=choose.pick([None, code or None]),
                body_system=choose.pick([None, *CLASSES]),
                rule_id=choose.pick(["CHK-KEY-CONFLICT", "CHK-DUPLICATE-ROW"]),
                table_name=choose.pick(["adverse_events", "adverse_events", "sedation", "assessments"]),
            )
        )


def _infusions(choose: Chooser, identifier: str) -> list[Row]:
    days = choose.pick([(0,), (0,), (0,), (0, 20), (0, 40, 41), (0, 0), (None,), (0, None), ()])
    moments = [
        None if day is None else moment(choose, day, choose.pick(["day", "day", "time", "month"]))
        for day in days
    ]
    order = sorted(moments, key=lambda m: studies.instants(m)[:2] if m is not None else (datetime.max,) * 2)
    return [
        studies.infusion(moment, subject=identifier, number=number)
        for number, moment in enumerate(order, start=1)
    ]


def _event(choose: Chooser, terms: Terms, manifest: StudyManifest, identifier: str, number: int) -> Row:
    scale = manifest.grading.scale
    version = choose.pick([manifest.grading.version] * 4 + list(CTCAE_VERSIONS)) if scale == "ctcae" else None
    grade = None if scale == "none" else choose.pick([3, 1, 2, 4, 5, 0, None])
    start_day = choose.pick([2, 0, 1, 3, 4, 5, 8, 12, 20, 21, 29, 30, 31, 40, 45, 56, 57, 70, -1, -2, -10])
    length = choose.pick([0, 0, 1, 2, 3, 5, 10, 40, -1])
    end_kind = choose.pick(["known", "known", "known", "ongoing", "unknown"])
    is_fatal = choose.pick([None, None, False, grade == 5])
    row = studies.event(
        None,
        grade,
        moment(choose, start_day),
        moment(choose, start_day + length) if end_kind == "known" else None,
        subject=identifier,
        number=number,
        source_row=int(identifier) * 100 + number,
        scale=scale,
        scale_version=version,
        body_system=choose.pick([None, *CLASSES]),
        is_ongoing=choose.pick([True, True, None]) if end_kind == "ongoing" else choose.pick([None, False]),
        relationship=choose.pick([None, None, None, "not_related", "unlikely", "possible", "related"]),
        is_fatal=choose.pick([is_fatal] * 9 + [True]),
        is_sponsor_neurotoxicity=choose.pick([None, True, False]),
    )
    if grade is None and choose.pick([False, True]):
        row |= {"grade_status": "unreadable", "grade_text": "??"}
    return row | _name(choose, terms)


def _plain_event(choose: Chooser, terms: Terms, manifest: StudyManifest, identifier: str) -> Row:
    """An event that can be ICANS, of certain days: what assessments can cover."""
    row = _event(choose, terms, manifest, identifier, 90)
    start = choose.pick([2, 1, 3, 5, 27, 21])
    given = studies.event(None, None, start, start + choose.pick([0, 1, 2, 4]))
    row |= {name: value for name, value in given.items() if name.startswith(("start_", "end_"))}
    term, code = choose.pick(terms.informing)
    row |= {"preferred_term": term, "llt_code": choose.pick([None, code or None]), "pt_code": None}
    row |= {"lowest_level_term": None, "is_ongoing": None}
    if row["grade"] is not None:
        row["grade"] = choose.pick([row["grade"], 3, 2])
    return row


def _name(choose: Chooser, terms: Terms) -> Row:
    """Columns that say what the event is, as tables of different origin fill them."""
    term, code = choose.pick([*terms.named, *[(name, "") for name in UNMAPPED]])
    if choose.pick([False, True]):
        term = choose.pick([term.upper(), f" {term}, NOS", term.replace(" ", "-")])
    other, other_code = choose.pick(terms.named)
    blank = {"preferred_term": None, "lowest_level_term": None, "verbatim_term": None}
    filled: Row = choose.pick(
        [
            {"preferred_term": term},
            {"preferred_term": term, "verbatim_term": other},
            {"lowest_level_term": term},
            {"verbatim_term": term},
            {"preferred_term": term, "lowest_level_term": other},
            {"llt_code": code or None, "preferred_term": term},
            {"pt_code": code or None},
            {"llt_code": other_code or None, "preferred_term": term},
            {"llt_code": "99999999", "preferred_term": term},
        ]
    )
    return {**blank, **filled}


def small_studies(terms: Terms) -> st.SearchStrategy[Made]:
    """Studies of one to four subjects that Hypothesis can shrink."""

    @st.composite
    def build(draw: st.DrawFn) -> Made:
        return make_study(Drawn(draw), terms)

    return build()


def large_study(terms: Terms, seed: int, subjects: int) -> Made:
    """A study of many subjects under one manifest."""
    choose = Seeded(seed)
    manifest = make_manifest(choose, terms)
    rows = studies.study([], [], [])
    for number in range(1, subjects + 1):
        _add_subject(choose, terms, manifest, rows, f"{number:03d}", seed % 4 != 0, 6)
    return with_named_causes(choose, rows, manifest)
