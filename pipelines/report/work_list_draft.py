"""From a filled-in work list to a draft release: the base release and the decisions a person wrote.

What may live here: what a decided line must hold, and the folder made of it. What may not: the rules of a
release (`mappings.checks`, `mappings.curation`), which look at the draft as at any release. Every fault
of the form is named with line and column, and while there is one nothing is written.
"""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from ruamel.yaml import YAML

from mappings.checks import PREDICATES, RESTRICTS
from mappings.curation import lint_release
from mappings.curation.decisions import decision_text
from mappings.loader import load_release
from mappings.problem import Problem
from mappings.release import Release
from mappings.release_file import ReleaseFile, read_release_file
from mappings.sheets import CONCEPT_PREFIX, FILES, GRADE_PREFIX, PROVENANCE
from mappings.term_key import term_key
from mappings.tsv import read_tsv, render_tsv
from pipelines.report.work_list_form import (
    CONCEPT_COLUMNS,
    GRADE_COLUMNS,
    GRADES,
    FormLine,
    read_form,
)
from schemas.errors import ReleaseError
from schemas.vocabulary import DOMAINS

RULE = "MAP-WORK-LIST"
SOURCE = "Work list; judgement"
AUTHOR = "icans-regrade authors"
"""The project as a body: who fills in a work list for a release decides for the project."""
RELATIONS = ("exact", "spelling", "narrower", "broader")
_CONCEPT = re.compile(r"[a-z][a-z0-9_]*")
_CODE = re.compile(r"\d{8}")
_SHORTEST_REASON = 4


@dataclass(frozen=True)
class Draft:
    """What became of a form: the release folder, None while a line has a fault.

    `undecided` counts lines that nobody filled in.
    """

    folder: Path | None
    problems: tuple[Problem, ...]
    terms: int
    concepts: int
    undecided: int


def read_work_list(path: Path, base: Path, target: Path, *, release_id: str, date: dt.date) -> Draft:
    """Make the draft release `target`/`release_id` from a filled-in form and the release folder `base`.

    `date` is the day of the decisions. The draft is the base with the decided terms and the new concepts,
    in canonical form, locked as a draft and without sign-offs. Raises `ReleaseError` where the form or
    the base cannot be read, the folder is there already, or nobody decided anything.
    """
    folder = target / release_id
    lines = read_form(path)
    release = load_release(base.name, base.parent)
    decided = [line for line in lines if line.is_decided]
    if not decided:
        raise ReleaseError(
            "no line of the work list is decided",
            file=path.name,
            next_action="fill in concept_id, relation and reason of at least one line",
        )
    if folder.exists():
        raise ReleaseError(
            "the folder is there already",
            file=str(folder),
            next_action="choose another release id, or move the folder away",
        )
    form = _Form(path.name, release, decided, date)
    problems = tuple(form.problems())
    undecided = len(lines) - len(decided)
    if problems:
        return Draft(None, problems, 0, 0, undecided)
    target.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(folder.name + ".partial")
    shutil.copytree(base, partial)
    for file, rows in form.rows().items():
        _append(partial / file, rows)
    _write_about(partial / "release.yaml", read_release_file(base / "release.yaml"), release_id, date, form)
    partial.replace(folder)
    result = lint_release(folder, fix=True)
    return Draft(folder, result.problems, len(decided), len(form.new_concepts), undecided)


@dataclass(frozen=True)
class _Fault:
    column: str
    what: str
    action: str


class _Form:
    """The decided lines of a form against the base release."""

    def __init__(self, name: str, release: Release, lines: Sequence[FormLine], date: dt.date) -> None:
        self._name = name
        self._provenance = dict(zip(PROVENANCE, (AUTHOR, "", date.isoformat(), ""), strict=True))
        self._release_id = release.release_id
        self._lines = lines
        concepts = release.tables["map_concepts"]
        self._labels = dict(concepts.select("concept_id", "label").iter_rows())
        terms = release.tables["map_terms"]
        self._known = set(
            terms.filter((pl.col("scale_version") == "any") & (pl.col("code") == ""))["term_key"]
        )
        self._times = Counter(term_key(line.cells["term"]) for line in lines)
        self.new_concepts = {
            line.cells["concept_id"]: line for line in lines if line.cells["relation"] == "own"
        }

    def problems(self) -> Iterator[Problem]:
        """Every fault of every line."""
        for line in self._lines:
            for fault in self._faults(line):
                yield Problem(
                    *("content", self._release_id, self._name, RULE, fault.what, fault.action),
                    line.number,
                    fault.column,
                    line.cells.get(fault.column) or None,
                )

    def _faults(self, line: FormLine) -> Iterator[_Fault]:
        cells = line.cells
        key, concept, relation = term_key(cells["term"]), cells["concept_id"], cells["relation"]
        if not key:
            yield _Fault("term", "rows without a term cannot be decided", "leave the line empty")
        elif _CODE.fullmatch(key):
            yield _Fault("term", "a code has no text to decide by", "add it to terms.tsv with its term")
        elif self._times[key] > 1:
            yield _Fault("term", "the term is decided on more than one line", "keep one of the lines")
        elif key in self._known:
            yield _Fault("term", "the release lists the term already", "change its row in terms.tsv")
        if len(cells["reason"]) < _SHORTEST_REASON:
            yield _Fault("reason", "the line gives no reason", "write why")
        if not _CONCEPT.fullmatch(concept):
            action = "write an existing concept, or a new one in lower snake case"
            yield _Fault("concept_id", "the line names no concept", action)
        elif relation == "own":
            yield from self._concept_faults(line)
        elif relation not in RELATIONS:
            action = f"write one of {', '.join(RELATIONS)}; own for a new concept"
            yield _Fault("relation", "the line does not say how term and concept relate", action)
        elif concept not in self._labels and concept not in self.new_concepts:
            action = "write an existing concept, or define it on a line with relation own"
            yield _Fault("concept_id", "there is no such concept", action)
        if relation != "own":
            for column in (*CONCEPT_COLUMNS, *(n for names in GRADE_COLUMNS.values() for n in names)):
                if cells[column]:
                    what = "a term of an existing concept takes the decisions of the concept"
                    yield _Fault(column, what, "empty the cell, or write relation own and a new concept")

    def _concept_faults(self, line: FormLine) -> Iterator[_Fault]:
        cells = line.cells
        if cells["concept_id"] in self._labels:
            action = "choose another name, or relate the term to it: exact, spelling or narrower"
            yield _Fault("concept_id", "the release has this concept already", action)
        elif self.new_concepts[cells["concept_id"]] is not line:
            yield _Fault("concept_id", "the concept is defined on more than one line", "keep one of them")
        if not cells["label"]:
            yield _Fault("label", "a new concept has a name", "write its label")
        if not _CONCEPT.fullmatch(cells["concept_group"]):
            action = "write the family it belongs to, in lower snake case"
            yield _Fault("concept_group", "a new concept belongs to a family", action)
        if cells["is_broad"].lower() not in ("true", "false"):
            yield _Fault("is_broad", "the cell is neither true nor false", "write true or false")
        informs = is_open = False
        for grade in GRADES:
            faults = list(_interval_faults(cells, grade))
            yield from faults
            if not faults:
                low, _, high = _interval(cells, grade)
                informs |= high > 0
                is_open |= low < high
        if informs:
            named = cells["domains"].split("|")
            if named != [domain for domain in DOMAINS if domain in named]:
                action = f"write some of {'|'.join(DOMAINS)}, in this order"
                yield _Fault("domains", "a grade above 0 restricts ICANS domains", action)
            if cells["is_broad"].lower() == "false":
                action = "write true: what informs a domain is in the broad set"
                yield _Fault("is_broad", "a concept with a grade above 0 is nervous or psychiatric", action)
        if is_open and not cells["requires"]:
            yield _Fault("requires", "an open interval says what would close it", "write what is needed")

    def rows(self) -> dict[str, list[dict[str, str]]]:
        """New rows by file, as text cells under the columns of the file."""
        concepts, grades, terms = [], [], []
        for line in self._lines:
            terms.append(self._term(line))
        for concept, line in self.new_concepts.items():
            rows = [_grade_row(concept, line, grade) | self._provenance for grade in GRADES]
            grades += rows
            concepts.append(
                {
                    "concept_id": concept,
                    "label": line.cells["label"],
                    "concept_group": line.cells["concept_group"],
                    "is_broad": line.cells["is_broad"].lower(),
                    "is_core": str(any(row["high"] != "0" for row in rows)).lower(),
                    "cause_role": "",
                }
            )
        return {"concepts.tsv": concepts, "conventions.tsv": [], "grades.tsv": grades, "terms.tsv": terms}

    def _term(self, line: FormLine) -> dict[str, str]:
        key, concept = term_key(line.cells["term"]), line.cells["concept_id"]
        written = line.cells["term"][:1].upper() + line.cells["term"][1:]
        new = self.new_concepts.get(concept)
        return {
            "subject_id": "regrade.term:" + re.sub(r"[^a-z0-9]+", "_", key).strip("_"),
            "subject_label": written if term_key(written) == key else key,
            "predicate_id": PREDICATES[line.cells["relation"]],
            "object_id": CONCEPT_PREFIX + concept,
            "object_label": new.cells["label"] if new else self._labels[concept],
            "mapping_justification": "semapv:ManualMappingCuration",
            **self._provenance,
            "term_key": key,
            "scale_version": "any",
            "code": "",
            "relation": line.cells["relation"],
            "source": SOURCE,
            "comment": line.cells["reason"],
        }


def _interval_faults(cells: Any, grade: int) -> Iterator[_Fault]:
    names = GRADE_COLUMNS[grade]
    allowed = "0 to 5" if grade == 5 else "0 to 4"
    values = [cells[name] for name in names]
    faults = [
        _Fault(name, f"the cell is not a whole grade of {allowed}", f"write the grade, {allowed}")
        for name, value in zip(names, values, strict=True)
        if not re.fullmatch("[0-5]" if grade == 5 else "[0-4]", value) and (value or name != names[1])
    ]
    yield from faults
    if faults:
        return
    low, point, high = _interval(cells, grade)
    if low > high:
        yield _Fault(names[0], "low is above high", "correct one of the two")
    elif point is not None and not low <= point <= high:
        yield _Fault(names[1], "the point is outside its interval", "correct it, or leave it empty")
    elif point is None and low == high:
        yield _Fault(names[1], "low and high are equal, so the point is that grade", f"write {low}")
    if grade == 5 and (high not in (0, 5) or low == 5):
        action = "write 5 as high and a lower low; 0, 0, 0 for no ICANS meaning"
        yield _Fault(names[2] if high not in (0, 5) else names[0], "a death report reaches 5", action)


def _interval(cells: Any, grade: int) -> tuple[int, int | None, int]:
    low, point, high = (cells[name] for name in GRADE_COLUMNS[grade])
    return int(low), int(point) if point else None, int(high)


def _grade_row(concept: str, line: FormLine, grade: int) -> dict[str, str]:
    low, point, high = _interval(line.cells, grade)
    disposition = "excluded" if high == 0 else "fatal" if grade == 5 else "informs"
    row: dict[str, Any] = {
        "domains": line.cells["domains"] if high else None,
        "low": low,
        "point": point,
        "high": high,
        "disposition": disposition,
    }
    return {
        "subject_id": f"{GRADE_PREFIX}ctcae:any:{concept}:{grade}",
        "predicate_id": RESTRICTS,
        "object_id": f"ICANS:{low}-{high}",
        "mapping_justification": "semapv:ManualMappingCuration",
        "scale": "ctcae",
        "scale_version": "any",
        "concept_id": concept,
        "grade": str(grade),
        "population": "any",
        **{name: "" if cell is None else str(cell) for name, cell in row.items()},
        "review_reason": "fatal_report" if disposition == "fatal" else "",
        "requires": line.cells["requires"] if low < high else "",
        "source_text": "",
        "decision": decision_text(row),
        "rationale": line.cells["reason"],
        "source": SOURCE,
    }


def _append(path: Path, rows: Sequence[dict[str, str]]) -> None:
    """Add rows to a file of a release; order, header and checksums are put right afterwards.

    The rows of the base keep author and date. A review does not come along: the draft has no sign-offs.
    """
    columns = FILES[path.name][1]
    added = pl.DataFrame([[row[name] for name in columns] for row in rows], list(columns), orient="row")
    reviews = [pl.lit("").alias(name) for name in ("reviewer_label", "review_date") if name in columns]
    old = read_tsv(path, columns).with_columns(reviews)
    new = pl.concat([old, added.cast(pl.String)]) if rows else old
    path.write_text(render_tsv(new), encoding="utf-8", newline="\n")


def _write_about(path: Path, base: ReleaseFile, release_id: str, date: dt.date, form: _Form) -> None:
    terms, concepts = len(form.rows()["terms.tsv"]), len(form.new_concepts)
    about = {
        "release_id": release_id,
        "status": "draft",
        "parent_release_id": base.release_id,
        "date": date,
        "licence": base.licence,
        "sources": list(base.sources),
        "sign_offs": [],
        "change_note": [f"From a work list: {terms} terms decided, {concepts} of them new concepts."],
    }
    with path.open("w", encoding="utf-8", newline="\n") as target:
        YAML(typ="safe", pure=True).dump(about, target)
