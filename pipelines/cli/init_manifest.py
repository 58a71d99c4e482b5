"""The first manifest of a study folder: `regrade init` looks at the files and writes `study.yaml`.

What may live here: the text of the manifest, with a remark on every guess. What may not: grading,
staging, and any guess that a run would make again (a run believes the manifest only).
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from pipelines.cli import init_detect as detect
from pipelines.cli.init_assessments import choose_context_files
from pipelines.cli.init_files import FoundFile, choose_files
from pipelines.ingest.column_names import SEVERITY_GRADE_COLUMNS, candidates, find_column
from schemas.errors import ManifestError
from schemas.manifest import parse_manifest
from schemas.wording import counted

MANIFEST_NAME: Final = "study.yaml"
_STUDY_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FIRST_DOSE: Final = "the first dose of study treatment stands for the infusion"


@dataclass(frozen=True)
class Proposal:
    """The manifest text and what it assumes, in sentences without a cell of a subject."""

    text: str
    assumptions: tuple[str, ...]
    path: Path


def propose_manifest(folder: Path) -> Proposal:
    """Read the folder's files and propose a manifest that runs; writes nothing.

    Decides: the file of each role, delimiter and encoding, texts that mean an empty cell, the order of
    day and month where the data settle it, the grading scale (numbers are CTCAE with the version left
    open, words a severity scale, nothing none) and what day 0 is. Raises `ManifestError` when folder or
    name cannot be a study or no adverse-event table is found, `UnreadableFileError` when the only
    candidate cannot be read.
    """
    if not folder.is_dir():
        raise ManifestError(
            "no such folder", file=str(folder), next_action="name the folder that holds the study's tables"
        )
    study = folder.resolve().name
    if not _STUDY_ID.fullmatch(study):
        better = re.sub(r"[^A-Za-z0-9._-]+", "-", study).strip("-._")[:64] or "STUDY1"
        raise ManifestError(
            "the folder's name is the study identifier: letters, digits, '.', '_' and '-' only",
            file=_line(study),
            next_action=f"rename the folder, e.g. to {better}",
        )
    used, unused = choose_files(folder)
    assumptions: list[str] = []
    scale, grading = _grading(used["adverse_events"], assumptions)
    needed, infusions = _infusions(used, assumptions)
    if "subjects" not in used:
        assumptions.append("no subject table found: rates are of subjects with a reported event")
    blocks = []
    for role, file in used.items():
        if role in needed:
            blocks.append(_file_block(file, scale, assumptions))
        else:
            unused[file.path] = "not needed: day 0 comes from elsewhere"
    for context in choose_context_files(folder, unused, _scalar):
        blocks.append([*_file_block(context.file, scale, assumptions), *map(_line, context.lines)])
        assumptions.extend(f"{_line(context.file.path)}: {_line(said)}" for said in context.assumptions)
    text = _render(study, blocks, grading, infusions, unused)
    # The text must be what a run will read.
    parse_manifest(YAML(typ="safe", pure=True).load(text), MANIFEST_NAME)
    return Proposal(text, tuple(assumptions), folder / MANIFEST_NAME)


def write_manifest(proposal: Proposal, *, force: bool = False) -> None:
    """Write the proposal as one whole file; an existing manifest stays unless `force`.

    Raises `ManifestError` when the manifest exists and `force` is not set.
    """
    refuse_existing(proposal.path.parent, force=force)
    handle, name = tempfile.mkstemp(dir=proposal.path.parent, prefix=".study-", suffix=".new")
    building = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as target:
            target.write(proposal.text)
        building.replace(proposal.path)
    finally:
        building.unlink(missing_ok=True)


def refuse_existing(folder: Path, *, force: bool) -> None:
    """Raise `ManifestError` when the folder has a manifest and it may not be replaced."""
    path = folder / MANIFEST_NAME
    if not force and (path.exists() or path.is_symlink()):
        raise ManifestError(
            "the folder already has a manifest",
            file=f"{folder.name}/{MANIFEST_NAME}",
            next_action="edit it, or replace it with --force",
        )


def _grading(events: FoundFile, assumptions: list[str]) -> tuple[str, list[str]]:
    """Scale and lines of the `grading` block."""
    column = events.columns.get("grade", "")
    scale = detect.scale_of_cells(events.cells.get(column, ())) or "none"
    if column.upper() in SEVERITY_GRADE_COLUMNS and column.upper().endswith("N"):
        scale = "severity"
    versioned = scale == "ctcae" and events.filled(events.columns.get("scale_version"))
    said = {
        "ctcae": f"{_line(column)} holds numbers: read as CTCAE grades",
        "severity": f"{_line(column)} holds severity words: each stands for the CTCAE grades it can mean",
        "none": "no grade and no severity found: every grade stays possible",
    }[scale]
    lines = [f"  scale: {scale}  # ASSUMED: {said}"]
    if versioned:
        said += f", their version from {_line(events.columns['scale_version'])}"
    elif scale == "ctcae":
        lines.append('  # version: "4.03"  # ADD IT, as the protocol names it: 2.0, 3.0, 4.03, 5.0 or 6.0;')
        lines.append("  #   without it every version stays possible and intervals are wider")
        said += "; the data do not say which version: add it, or every version stays possible"
    assumptions.append(f"grading: {said}")
    lines.append('  # conventions: ["any_seizure_grade_3"]  # where the protocol graded by convention')
    lines.append("  half_grades: reject  # or ceil: what a grade of 2.5 becomes")
    coded = ("preferred_term", "lowest_level_term", "llt_code", "pt_code")
    if any(events.filled(events.columns.get(name)) for name in coded):
        lines.append("  verbatim_terms: false  # true: match the reported term when nothing coded matches")
    else:
        lines.append("  verbatim_terms: true  # ASSUMED: the table has no coded term")
        assumptions.append("grading: no coded term in the table, so the reported term is matched")
    return scale, lines


def _infusions(used: Mapping[str, FoundFile], assumptions: list[str]) -> tuple[set[str], list[str]]:
    """Roles the study needs and the lines of the `infusions` block."""
    needed = {"adverse_events", "subjects", "sedation"}
    subjects, exposure = used.get("subjects"), used.get("exposure")
    reference = subjects.columns.get("reference_start") if subjects else None
    products: list[str] = []
    if exposure and "product" in exposure.columns:
        products = detect.cell_products(exposure.cells[exposure.columns["product"]])
    more: list[str] = []
    note: str | None = None
    if "infusions" in used:
        source, said = "table", f"{used['infusions'].path} is the table of infusions"
        needed.add("infusions")
    elif exposure and products:
        source, said = "exposure", f"rows of {exposure.path} whose product names a cell product"
        more = [f"  products: [{', '.join(_scalar(text) for text in products)}]  # ASSUMED"]
        needed.add("exposure")
    elif subjects and reference:
        source, said = "reference_start", f"{_line(reference)} of {subjects.path}"
        if "inf" not in reference.lower():
            note = _FIRST_DOSE
    elif exposure:
        source, said, note = "exposure", f"first row of each subject in {exposure.path}", _FIRST_DOSE
        more = ["  first_only: true  # ASSUMED: later rows are not infusions"]
        needed.add("exposure")
    else:
        source, said = "none", "no infusion date found: no subject can be evaluated until you name one"
        more = ["  #   exposure, reference_start or table, with a file of that role above"]
    assumptions.append(f"day 0: {said}" + (f"; {note}" if note else ""))
    lines = [f"  source: {source}  # ASSUMED: {_line(said)}", *more]
    if note:
        lines.append(f"  note: {_scalar(note[0].upper() + note[1:] + '.')}")
    return needed, lines


def _file_block(file: FoundFile, scale: str, assumptions: list[str]) -> list[str]:
    """Lines of one file, with what they assume."""
    spec, path = file.spec, _line(file.path)
    assumptions.append(f"{path}: {file.role.replace('_', ' ')}, {counted(file.rows, 'data row')}")
    assumptions.extend(f"{path}: {note}" for note in file.notes)
    lines = [f"  - path: {_scalar(file.path)}", f"    role: {file.role}"]
    lines.append(f"    # expected_rows: {file.rows}  # rows found now; uncomment to refuse another number")
    if spec.format:
        lines.append(f"    format: {spec.format}")
    if spec.delimiter:
        lines.append(f"    delimiter: {_scalar(spec.delimiter)}  # ASSUMED")
    if spec.encoding != "utf-8":
        lines.append(f"    encoding: {spec.encoding}  # ASSUMED: the file is not UTF-8")
    if spec.null_values:
        texts = ", ".join(_scalar(text) for text in spec.null_values)
        lines.append(f"    null_values: [{texts}]  # ASSUMED: these texts mean an empty cell")
    lines.extend(_date_order(file, assumptions))
    named = {of: name for of, name in file.columns.items() if _is_written(file, of, name, scale)}
    if named:
        lines.append("    columns:  # ASSUMED")
        lines.extend(f"      {of}: {_scalar(name)}" for of, name in named.items())
        listed = ", ".join(f"{of.replace('_', ' ')} from {_line(name)}" for of, name in named.items())
        assumptions.append(f"{path}: {listed}")
    flags = detect.sponsor_flags(file.header) if file.role == "adverse_events" else []
    if flags:
        flag = _line(_scalar(flags[0]))
        if not named:
            lines.append("    # columns:")
        lines.append(f"    #   sponsor_neurotoxicity: {flag}  # uncomment if this is the sponsor's flag")
        assumptions.append(
            f"{path}: {flag} may be the sponsor's neurotoxicity flag; unused until you name it"
        )
    return lines


def _is_written(file: FoundFile, of: str, name: str, scale: str) -> bool:
    """A column that staging finds by itself needs no mention; the grade column is always named."""
    if of == "grade":
        return True
    known = (find_column(file.header, candidate) for candidate in candidates(file.role, of, scale))
    return next((column for column in known if column), None) != name


def _date_order(file: FoundFile, assumptions: list[str]) -> list[str]:
    cells = [
        cell for of, name in file.columns.items() if of in detect.DATE_FIELDS for cell in file.cells[name]
    ]
    order, seen, is_contradictory = detect.date_order_of(cells)
    if not seen:
        return []
    dates = f"{_line(file.path)}: {seen} dates such as 03/04/2017"
    if order:
        assumptions.append(f"{dates} are {order.replace('_', ' ')}, by those with a day above 12")
        return [f"    date_order: {order}  # ASSUMED: by the dates with a day above 12"]
    why = "dates of both orders occur" if is_contradictory else "no date settles the order"
    assumptions.append(f"{dates}, {why}: an ambiguous one stays unread until you declare date_order")
    return [f"    # date_order: day_first  # ADD IT (or month_first): {why}"]


def _render(
    study: str,
    blocks: list[list[str]],
    grading: list[str],
    infusions: list[str],
    unused: Mapping[str, str],
) -> str:
    lines = [
        "# Study manifest, written by `regrade init` from the files of this folder.",
        "# Confirm every line marked ASSUMED against the protocol before using a result.",
        "manifest_version: 1",
        f"study: {_scalar(study)}  # the folder has the same name",
        '# title: "Phase 2 study of ..."',
        '# product: "the cell product"',
        "",
        "files:",
        *(line for block in blocks for line in block),
        *(f"  # not used: {_line(path)} ({_line(reason)})" for path, reason in sorted(unused.items())),
        "",
        "grading:",
        *grading,
        "",
        "infusions:  # where day 0 comes from",
        *infusions,
        "",
        "windows:",
        "  primary_days: 30",
        "  sensitivity_days: [56]",
        "attribution: widen  # how the investigator's causality is used: widen, ignore or exclude",
        "ae_table_complete: true  # false: the table may lack events, and nobody is NOT_ICANS",
        "blank_death_flag_means_alive: false  # true: a blank death flag records that the subject lives",
        "# age_recorded_at: infusion  # when the recorded age was reached: at consent, unless you say so;",
        "#   an age of 11 at consent may be 12 at the infusion",
        "# data_cutoff: 2018-06-30  # last day the data cover",
        '# mapping_release: "1.0.0"  # the newest shipped release when left out',
    ]
    return "\n".join(lines) + "\n"


def _scalar(text: str) -> str:
    """A YAML scalar: bare where that cannot be misread, else quoted.

    >>> _scalar("ae.csv"), _scalar("NO"), _scalar("001"), _scalar("N/A: none")
    ('ae.csv', '"NO"', '"001"', '"N/A: none"')
    """
    words = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]*", text) and text.lower() not in words:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in quoted)


def _line(text: str) -> str:
    """Text that stays on its comment line."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
