"""Which files of a folder are the tables of a study: found by name, then by columns, then read.

What may live here: choosing files for `regrade init`. What may not: the text of the manifest, and
anything a run uses (a run reads the files its manifest names and looks for nothing).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pipelines.cli import init_detect as detect
from pipelines.ingest.column_names import TERM_FIELDS
from pipelines.ingest.raw import ROW, RawTable
from pipelines.ingest.readers.isolated import read_tables
from schemas.errors import ManifestError, UnreadableFileError
from schemas.manifest import FileSpec
from schemas.wording import counted

_DELIMITERS: Final = {".csv": ",", ".tsv": "\t", ".psv": "|", ".txt": None, ".dat": None}
_SUFFIXES: Final = (
    ".xpt", ".sas7bdat", ".json", ".ndjson", ".dsjc", ".parquet", ".csv", ".tsv", ".psv", ".txt", ".dat",
    ".xlsx",
)  # fmt: skip
"""Data files, the format trusted most first: of copies of one table in several formats the first is used."""
_MAX_FILES: Final = 500
NO_NAME: Final = "not recognised by its name"
_NEEDS: Final[dict[str, tuple[frozenset[str], ...]]] = {
    "adverse_events": (frozenset({"subject_id"}), frozenset(TERM_FIELDS)),
    "subjects": (frozenset({"subject_id"}),),
    "exposure": (frozenset({"subject_id"}), frozenset({"date"})),
    "infusions": (frozenset({"subject_id"}), frozenset({"date"})),
    "sedation": (frozenset({"subject_id"}), frozenset({"start"}), frozenset({"end"})),
}


@dataclass(frozen=True)
class FoundFile:
    """A data file that was read: its spec so far, its header, and the cells of the columns it is known by.

    `cells` has '' for an empty cell and for a text that stands for one; `notes` say what was guessed.
    """

    path: str
    role: str
    spec: FileSpec
    header: tuple[str, ...]
    rows: int
    cells: dict[str, list[str]]
    columns: dict[str, str]
    notes: tuple[str, ...] = field(default=())

    def filled(self, name: str | None) -> bool:
        """The column is there and has a cell that is not empty."""
        return name is not None and any(self.cells.get(name, ()))

    @property
    def is_usable(self) -> bool:
        """The columns a table of this role cannot do without were found."""
        return all(set(self.columns) & group for group in _NEEDS[self.role])


def choose_files(folder: Path) -> tuple[dict[str, FoundFile], dict[str, str]]:
    """The file of each role, and for every other data file, by path, why it is not used.

    An SDTM table is preferred to an ADaM one: it holds the dates as they were collected. Raises
    `ManifestError` when there is no adverse-event table, `UnreadableFileError` when the only candidate
    cannot be read.
    """
    unused: dict[str, str] = {}
    candidates: dict[str, list[str]] = {}
    for path in _data_files(folder):
        role = detect.role_of_name(Path(path).stem)
        if role is None:
            unused[path] = NO_NAME
        else:
            candidates.setdefault(role, []).append(path)
    used: dict[str, FoundFile] = {}
    failure: UnreadableFileError | None = None
    for role in _NEEDS:
        for path in sorted(candidates.get(role, ()), key=_is_adam):
            taken = used.get(role)
            if taken is not None and (role != "subjects" or "reference_start" in taken.columns):
                copy = Path(taken.path).with_suffix("") == Path(path).with_suffix("")
                unused[path] = "a copy in another format" if copy else f"{taken.path} is used"
                continue
            try:
                found = read_found(folder, path, role)
            except UnreadableFileError as error:
                unused[path] = f"cannot be read: {error.what}"
                if role == "adverse_events":
                    failure = failure or error
                continue
            if not found.is_usable:
                unused[path] = f"named like {role.replace('_', ' ')}, but its columns are not recognised"
            elif taken is None:
                used[role] = found
            elif "reference_start" in found.columns:
                # A subject table that says when treatment began is worth more than one that does not.
                used[role] = found
                unused[taken.path] = f"{path} is used"
            else:
                unused[path] = f"{taken.path} is used"
    if "adverse_events" not in used:
        events = _events_by_columns(folder, unused)
        if events is None:
            raise failure or ManifestError(
                "no adverse-event table found: no file named ae or adae, or with a subject and a term column",
                file=folder.name,
                next_action="put the table there, or write study.yaml by hand and name its columns",
            )
        unused.pop(events.path)
        used["adverse_events"] = events
    return used, unused


def _events_by_columns(folder: Path, unused: dict[str, str]) -> FoundFile | None:
    """The file without a telling name whose columns look most like adverse events."""
    best: FoundFile | None = None
    for path in [path for path, reason in unused.items() if reason == NO_NAME]:
        try:
            found = read_found(folder, path, "adverse_events")
        except UnreadableFileError:
            continue
        if found.is_usable and (best is None or len(found.columns) > len(best.columns)):
            best = found
    return best


def _data_files(folder: Path) -> list[str]:
    """Paths below the folder that hold data, by trust in their format; links out of it are left alone."""
    root = folder.resolve()
    found = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        hidden = any(part.startswith((".", "~")) for part in inside.parts)
        unusable = ":" in inside.parts[0] or not str(inside).isprintable()
        if path.suffix.lower() not in _SUFFIXES or hidden or unusable:
            continue
        if path.is_file() and path.resolve().is_relative_to(root):
            found.append(inside.as_posix())
    if not found:
        raise ManifestError(
            "the folder holds no data file",
            file=folder.name,
            next_action=f"put the study's tables there ({', '.join(_SUFFIXES)})",
        )
    if len(found) > _MAX_FILES:
        raise ManifestError(
            f"the folder holds {len(found)} data files: that is more than one study",
            file=folder.name,
            next_action="name the folder of one study",
        )
    return sorted(found, key=lambda path: (_SUFFIXES.index(Path(path).suffix.lower()), path.count("/"), path))


def read_found(folder: Path, path: str, role: str) -> FoundFile:
    """Read one file as a table of the role: delimiter, encoding, columns and null texts are detected."""
    # An assessment file cannot be declared as one before its items are known.
    options: dict[str, Any] = {"path": path, "role": "subjects" if role == "assessments" else role}
    notes: list[str] = []
    encodings: Sequence[str] = ("utf-8", "cp1252", "latin-1")
    suffix = Path(path).suffix.lower()
    if suffix == ".dat":
        options["format"] = "csv"
    if suffix in _DELIMITERS:
        content = (folder / path).read_bytes()
        encodings = (detect.encoding_of(content),)
        delimiter = detect.delimiter_of(content[:200_000].decode(encodings[0], errors="replace"))
        if delimiter is not None and delimiter != _DELIMITERS[suffix]:
            options["delimiter"] = delimiter
            notes.append(f"fields are split at {delimiter!r}, by the shape of the first lines")
    raw, encoding = _read_first(folder / path, options, encodings)
    if encoding != "utf-8":
        options["encoding"] = encoding
        notes.append(f"encoding {encoding}, because the file is not UTF-8")
    header = tuple(name for name in raw.frame.columns if name != ROW)
    columns = detect.find_columns(role, header)
    # Of these fields the best-named column may be empty and another filled: all of them are looked at.
    field_of = {"adverse_events": "grade", "subjects": "reference_start"}.get(role)
    rivals = detect.columns_named(field_of, role, header) if field_of else []
    terms = detect.term_columns(role, header)
    cells = {
        name: [cell or "" for cell in raw.frame[name].to_list()]
        for name in dict.fromkeys([*columns.values(), *rivals, *terms])
    }
    # Formats with a missing value of their own need no text for it.
    is_text = suffix in _DELIMITERS or suffix == ".xlsx"
    nulls = detect.null_texts({of: cells[name] for of, name in columns.items()}) if is_text else {}
    if nulls:
        options["null_values"] = tuple(nulls)
        listed = "; ".join(f"{text!r} in {counted(count, 'cell')}" for text, count in nulls.items())
        notes.append(f"texts read as empty: {listed} of the columns used")
    cells = {name: ["" if cell.strip() in nulls else cell for cell in of] for name, of in cells.items()}
    if field_of is not None:
        columns.pop(field_of, None)
        filled = [name for name in rivals if _is_informative(field_of, cells[name])]
        columns |= {field_of: filled[0]} if filled else {}
        if columns.get("severity") == columns.get("grade"):
            # The severity is the grade itself.
            columns.pop("severity", None)
    return FoundFile(path, role, FileSpec(**options), header, raw.rows_in, cells, columns, tuple(notes))


def _is_informative(of: str, cells: Sequence[str]) -> bool:
    return detect.scale_of_cells(cells) is not None if of == "grade" else any(cells)


def _read_first(path: Path, options: dict[str, Any], encodings: Sequence[str]) -> tuple[RawTable, str]:
    """The table in the first encoding that fits. UTF-8 is never declared: declaring it accepts damage."""
    for encoding in encodings:
        declared: dict[str, Any] = {} if encoding == "utf-8" else {"encoding": encoding}
        try:
            (table,) = read_tables([(path, FileSpec(**options, **declared))])
            return table, encoding
        except UnreadableFileError as failure:
            if failure.rule_id != "READ-ENCODING" or encoding == encodings[-1]:
                raise
    raise AssertionError("no encoding was tried")


def _is_adam(path: str) -> bool:
    return bool(re.search(r"(?:^|[^a-z])ad(?:ae|sl|ex)", Path(path).stem.lower()))
