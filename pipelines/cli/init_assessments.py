"""Which files of a folder hold assessments, cytokine release or medical history, and how to map them.

What may live here: recognising such files for `regrade init` by name, columns and codes, and the lines of
the manifest only they have (items, codes, where). What may not: anything a run uses. A code or column is
mapped only where its whole name is one of the known ones; the others that look alike are left to a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipelines.cli.init_files import NO_NAME, FoundFile, read_found
from schemas.assessment_items import ITEMS
from schemas.errors import UnreadableFileError

_EDGE: Final = r"(?:^|[^a-z])"
_END: Final = r"(?:[^a-z]|$)"
_KINDS: Final = (
    (
        "assessments",
        re.compile(
            rf"{_EDGE}(?:ad)?(?:qs|ft|rs|fa){_END}|{_EDGE}(?:ad)?(?:ice|capd|icans|cartox|neuro){_END}"
            r"|assessment|^suppae$"
        ),
    ),
    ("crs", re.compile(rf"{_EDGE}(?:ad)?(?:ce|crs){_END}|cytokine")),
    ("medical_history", re.compile(rf"{_EDGE}(?:ad)?mh{_END}|medical.?hist")),
)
_TOTALS: Final = ("", "TOT", "TOTAL", "SCORE", "TOTALSCORE", "TOTSCORE", "SCR", "SC")
_GRADES: Final = ("GR", "GRD", "GRADE")


def _named(stems: Sequence[str], ends: Sequence[str] = ("",)) -> tuple[str, ...]:
    return tuple(stem + end for stem in stems for end in ends)


_ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "ice_year": _named(["ICEYEAR", "ICEYR"]),
    "ice_month": _named(["ICEMONTH", "ICEMON", "ICEMTH"]),
    "ice_city": ("ICECITY",),
    "ice_hospital": _named(["ICEHOSPITAL", "ICEHOSP"]),
    "ice_orientation": _named(["ICEORIENTATION", "ICEORIENT", "ICEORI"]),
    "ice_naming": _named(["ICENAMING", "ICENAME", "ICENAM"]),
    "ice_command": _named(["ICECOMMAND", "ICECOMM", "ICECMD"]),
    "ice_writing": _named(["ICEWRITING", "ICEWRITE", "ICEWRIT"]),
    "ice_attention": _named(["ICEATTENTION", "ICEATTN", "ICEATT", "ICECOUNT", "ICECOUNTING", "ICECOUNTDOWN"]),
    "ice_total": _named(["ICE", "ICES"], _TOTALS),
    "cartox_total": _named(["CARTOX", "CARTOX10"], _TOTALS),
    "capd_total": _named(["CAPD"], _TOTALS),
    "arousal": _named(["AROUSAL", "AROUSE", "AROUSABILITY", "WAKESTO", "AWAKENSTO"]),
    "seizure": _named(["SEIZURE", "SEIZ", "SEIZUREYN"]),
    "seizure_type": _named(["SEIZURETYPE", "SEIZTYPE", "SZTYPE"]),
    "seizure_duration_min": _named(["SEIZUREDURATIONMIN", "SEIZUREDURATION", "SEIZDUR", "SZDUR"]),
    "focal_weakness": ("FOCALWEAKNESS",),
    "motor_power_mrc": _named(["MOTORPOWERMRC", "MRCGRADE", "MRC"]),
    "imaging_oedema": _named(["IMAGINGOEDEMA", "IMAGINGEDEMA", "CEREBRALOEDEMA", "CEREBRALEDEMA"]),
    "papilloedema": _named(["PAPILLOEDEMA", "PAPILLEDEMA"]),
    "sixth_nerve_palsy": _named(["SIXTHNERVEPALSY", "CNVIPALSY", "CN6PALSY"]),
    "posturing": ("POSTURING",),
    "astct_grade": _named(["ICANS", "ASTCT", "ASTCTICANS", "ICANSASTCT"], _GRADES),
    "cres_grade": _named(["CRES", "CARTOXCRES"], _GRADES),
}
_ITEM_OF: Final = {name: item for item, names in _ALIASES.items() for name in names}
_SCORES: Final = frozenset(
    {item for item in ITEMS if item.startswith(("ice_", "cartox_"))}
    | {"capd_total", "arousal", "astct_grade", "cres_grade"}
)
"""Items one of which a table of assessments must have; a seizure alone can be any table."""
_LOOKS_ALIKE: Final = re.compile(r"ICE|CAPD|ICANS|CARTOX|CRES(?!C)|ASTCT|AROUS|SEIZ")
_WIDE_FIELDS: Final = ("subject_id", "date", "time", "status", "reason", "sedated")
_LONG_FIELDS: Final = (*_WIDE_FIELDS, "test_code", "value", "value_number", "unit", "event_id")
_CRS_TERM: Final = re.compile(r"^\s*(?:cytokine release syndrome|crs)\s*$", re.I)
_CRS_TERM_COLUMNS: Final = ("CEDECOD", "CETERM", "CECAT")


@dataclass(frozen=True)
class ContextFile:
    """A file with the manifest lines only its role has, and what they assume."""

    file: FoundFile
    lines: tuple[str, ...]
    assumptions: tuple[str, ...]


def choose_context_files(
    folder: Path, unused: dict[str, str], scalar: Callable[[str], str]
) -> list[ContextFile]:
    """Files of the new kinds among those no role has taken, which are then no longer `unused`.

    `scalar` writes a text of the file as YAML. A file that has the name but nothing to map keeps its place
    in `unused`, with the reason.
    """
    chosen: list[ContextFile] = []
    taken: set[Path] = set()
    for path in [path for path, reason in unused.items() if reason == NO_NAME]:
        role = next((role for role, name in _KINDS if name.search(Path(path).stem.lower())), None)
        if role is None:
            continue
        if Path(path).with_suffix("") in taken:
            unused[path] = "a copy in another format"
            continue
        try:
            found = read_found(folder, path, role)
        except UnreadableFileError as error:
            unused[path] = f"cannot be read: {error.what}"
            continue
        mapped = _MAPPERS[role](found, scalar)
        if isinstance(mapped, str):
            unused[path] = mapped
            continue
        chosen.append(mapped)
        taken.add(Path(path).with_suffix(""))
        del unused[path]
    return chosen


def item_of(name: str) -> str | None:
    """The item a code or a column name stands for, by its whole name; null where a person must say.

    >>> item_of("ICE_TOTAL"), item_of("icans grade"), item_of("ICE01"), item_of("PRICE")
    ('ice_total', 'astct_grade', None, None)
    """
    plain = re.sub(r"[^A-Z0-9]+", "", name.upper())
    by_id = {re.sub(r"[^A-Z0-9]+", "", item.upper()): item for item in ITEMS}
    return _ITEM_OF.get(plain) or by_id.get(plain)


def _assessments(found: FoundFile, scalar: Callable[[str], str]) -> ContextFile | str:
    codes = found.cells.get(found.columns.get("test_code", ""), [])
    names = sorted({code.strip() for code in codes if code.strip()})
    if any(_LOOKS_ALIKE.search(name.upper()) for name in names):
        return _long(found, names, scalar)
    kept = {of: name for of, name in found.columns.items() if of in _WIDE_FIELDS}
    items = _first_of_each({name: item_of(name) for name in found.header if name not in kept.values()})
    if not _SCORES & set(items):
        return "looks like assessments by its name, but no ICE, CAPD or ICANS code or column was found"
    if not {"subject_id", "date"} <= set(found.columns):
        return "holds ICE, CAPD or ICANS columns, but no subject or date column is recognised"
    lines = ["    items:  # ASSUMED", *(f"      {item}: {scalar(name)}" for item, name in items.items())]
    said = [f"items: {', '.join(f'{item} from {name}' for item, name in items.items())}"]
    taken = {*kept.values(), *items.values()}
    alike = [name for name in found.header if name not in taken and _LOOKS_ALIKE.search(name.upper())]
    if alike:
        lines += [f"      # ...: {scalar(name)}  # MAP IT, or leave it out" for name in alike]
        said.append(f"columns that look like ICANS items but are not mapped: {', '.join(alike)}")
    return ContextFile(replace(found, columns=kept), tuple(lines), tuple(said))


def _long(found: FoundFile, names: Sequence[str], scalar: Callable[[str], str]) -> ContextFile | str:
    items = _first_of_each({name: item_of(name) for name in names})
    alike = [name for name in names if _LOOKS_ALIKE.search(name.upper()) and name not in items.values()]
    if not items:
        return f"its codes look like ICANS items, but which is which must be said: {', '.join(alike[:10])}"
    if not {"value", "value_number"} & set(found.columns) or not {"date", "event_id"} & set(found.columns):
        return "holds ICE, CAPD or ICANS codes, but no value or date column is recognised"
    kept = {of: name for of, name in found.columns.items() if of in _LONG_FIELDS}
    lines = ["    codes:  # ASSUMED; rows with other codes are counted and left out"]
    lines += [f"      {scalar(name)}: {item}" for item, name in items.items()]
    said = [f"codes: {', '.join(f'{name} is {item}' for item, name in items.items())}"]
    if alike:
        lines += [f"      # {scalar(name)}: ...  # MAP IT, or leave it out" for name in alike]
        said.append(f"codes that look like ICANS items but are not mapped: {', '.join(alike)}")
    return ContextFile(replace(found, columns=kept), tuple(lines), tuple(said))


def _first_of_each(items: Mapping[str, str | None]) -> dict[str, str]:
    """Item to the first name that means it."""
    found: dict[str, str] = {}
    for name, item in items.items():
        if item is not None:
            found.setdefault(item, name)
    return found


def _crs(found: FoundFile, scalar: Callable[[str], str]) -> ContextFile | str:
    """A table of clinical events is used for its rows of cytokine release syndrome only."""
    if not {"subject_id", "start"} <= set(found.columns):
        return "named like cytokine release syndrome, but its columns are not recognised"
    known = {name.upper(): name for name in found.header}
    for column in (known[name] for name in _CRS_TERM_COLUMNS if name in known):
        texts = sorted({cell.strip() for cell in found.cells[column] if _CRS_TERM.match(cell)})
        if texts:
            listed = ", ".join(scalar(text) for text in texts)
            lines = (f"    where: {{{scalar(column)}: [{listed}]}}  # ASSUMED: other rows are left out",)
            return ContextFile(found, lines, (f"rows whose {column} is {', '.join(texts)}",))
    if any(name in known for name in _CRS_TERM_COLUMNS):
        return "holds no row of cytokine release syndrome"
    return ContextFile(found, (), ())


def _medical_history(found: FoundFile, _: Callable[[str], str]) -> ContextFile | str:
    coded = {"verbatim_term", "lowest_level_term", "preferred_term", "llt_code", "pt_code"}
    if "subject_id" not in found.columns or not coded & set(found.columns):
        return "named like medical history, but its columns are not recognised"
    return ContextFile(found, (), ())


_MAPPERS: Final[dict[str, Callable[[FoundFile, Callable[[str], str]], ContextFile | str]]] = {
    "assessments": _assessments,
    "crs": _crs,
    "medical_history": _medical_history,
}
