"""Bring your own MedDRA: a MedAscii folder as a look-up from codes and names to preferred terms.

What may live here: reading the folder strictly, and the look-ups. What may not: which concept a term
stands for (the release says so), and any way out for the dictionary's words: MedDRA is licensed, so
names are kept as normalised keys to compare with, and no error, log, table or representation shows one.

Source: MedDRA Distribution File Format Document, MSSO: fields end with `$`, in a documented order. A
preferred term that was renamed or demoted lives on as a lowest-level term of its successor, which is
how a study coded with one version meets a release written for another.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from mappings.term_key import term_key
from schemas.errors import ReleaseError

MEDASCII: Final = "MedAscii"
"""Folder of the distribution that holds the files; the version's own folder may hold them as well."""

_RELEASE: Final = "meddra_release.asc"
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    _RELEASE: ("version", "language"),
    "pt.asc": (
        *("pt_code", "pt_name", "null_field", "pt_soc_code", "pt_whoart_code", "pt_harts_code"),
        *("pt_costart_sym", "pt_icd9_code", "pt_icd9cm_code", "pt_icd10_code", "pt_jart_code"),
    ),
    "llt.asc": (
        *("llt_code", "llt_name", "pt_code", "llt_whoart_code", "llt_harts_code", "llt_costart_sym"),
        *("llt_icd9_code", "llt_icd9cm_code", "llt_icd10_code", "llt_currency", "llt_jart_code"),
    ),
    "mdhier.asc": (
        *("pt_code", "hlt_code", "hlgt_code", "soc_code", "pt_name", "hlt_name", "hlgt_name", "soc_name"),
        *("soc_abbrev", "null_field", "pt_soc_code", "primary_soc_fg"),
    ),
}
"""Files read, and their fields in order. Rows of the release file may have more."""
_CODES: Final = ("llt_code", "pt_code", "pt_soc_code", "soc_code")
_FLAGS: Final = ("llt_currency", "primary_soc_fg")
_NAMES: Final = ("llt_name", "pt_name", "soc_name")
_VERSION: Final = re.compile(r"[0-9]{1,2}\.[0-9]")
_CODE: Final = re.compile(r"[0-9]{8}").fullmatch
_UNPACK: Final = "unpack the MedAscii folder of the distribution again; a spreadsheet must not save it"

Columns: TypeAlias = dict[str, tuple[str, ...]]
"""One file: field -> its cells, in the order of the rows."""


@dataclass(frozen=True)
class Found:
    """A term of the dictionary: its code, the code of its preferred term, and whether it is current."""

    code: str
    pt_code: str
    is_current: bool


@dataclass(frozen=True)
class LowestLevelTerm:
    """A lowest-level term of a preferred term; `key` is its normalised name."""

    code: str
    key: str


@dataclass(frozen=True)
class Meddra:
    """One version of the dictionary. It shows nothing of itself but version and sha256."""

    version: str
    sha256: str
    _found: Mapping[str, Found] = field(repr=False)
    _by_pt_key: Mapping[str, tuple[str, ...]] = field(repr=False)
    _by_llt_key: Mapping[str, tuple[str, ...]] = field(repr=False)
    _llts: Mapping[str, tuple[LowestLevelTerm, ...]] = field(repr=False)
    _pt_keys: Mapping[str, str] = field(repr=False)
    _class_keys: Mapping[str, str] = field(repr=False)

    def find_code(self, code: str) -> Found | None:
        """The term with this code; None where the dictionary has none."""
        return self._found.get(code)

    def find_text(self, key: str) -> Found | None:
        """The term with this normalised name, a preferred term before a lowest-level one.

        None where there is none, and where names of different preferred terms have the same key.
        A current lowest-level term comes before one that is not; among equals the lowest code.
        """
        preferred = self._by_pt_key.get(key, ())
        if preferred:
            return self._found[preferred[0]] if len(preferred) == 1 else None
        found = [self._found[code] for code in self._by_llt_key.get(key, ())]
        if len({term.pt_code for term in found}) != 1:
            return None
        return min(found, key=lambda term: (not term.is_current, term.code))

    def pt_key(self, pt_code: str) -> str:
        """Normalised name of a preferred term."""
        return self._pt_keys[pt_code]

    def llts(self, pt_code: str) -> tuple[LowestLevelTerm, ...]:
        """The lowest-level terms of a preferred term, its own name among them."""
        return self._llts[pt_code]

    def class_key(self, pt_code: str) -> str:
        """Normalised name of the primary system organ class of a preferred term."""
        return self._class_keys[pt_code]


def load_meddra(folder: Path, version: str) -> Meddra:
    """Read a MedAscii folder, which must be whole and of the version the manifest says.

    Raises `ReleaseError` naming file, row and field, never a word of the dictionary, for a folder or
    file that is missing, another version, text that is not UTF-8, a row with the wrong number of fields,
    a code or flag that is none, a code given twice, and files that do not belong together.
    """
    if not folder.is_dir():
        raise ReleaseError(
            f"there is no MedDRA {version}",
            file=str(folder),
            column="meddra",
            value=version,
            next_action=f"put the {MEDASCII} folder of MedDRA {version} there, or leave the key out",
        )
    place = folder / MEDASCII if (folder / MEDASCII).is_dir() else folder
    for name in _FIELDS:
        if not (place / name).is_file():
            raise ReleaseError(
                f"the {MEDASCII} folder lacks the file", file=_shown(place / name), next_action=_UNPACK
            )
    blobs = {name: (place / name).read_bytes() for name in _FIELDS}
    versions = _columns(place / _RELEASE, blobs[_RELEASE])["version"]
    if versions != (version,):
        named = [found for found in versions if _VERSION.fullmatch(found)]
        found = named[0] if len(versions) == len(named) == 1 else None
        raise ReleaseError(
            f"the folder holds MedDRA {found or 'of no one version'}, the manifest says {version}",
            file=_shown(place / _RELEASE),
            column="version",
            value=found,
            next_action=f"put MedDRA {version} there, or name the version the study is to be read with",
        )
    pts, llts, paths = (_columns(place / name, blobs[name]) for name in ("pt.asc", "llt.asc", "mdhier.asc"))
    _check(place, pts, llts, paths)
    digest = hashlib.sha256()
    for name in sorted(blobs):
        digest.update(f"{name}\0{hashlib.sha256(blobs[name]).hexdigest()}\n".encode())
    return _index(version, digest.hexdigest(), pts, llts, paths)


def _index(version: str, sha256: str, pts: Columns, llts: Columns, paths: Columns) -> Meddra:
    found = {
        code: Found(code, pt_code, flag == "Y")
        for code, pt_code, flag in zip(llts["llt_code"], llts["pt_code"], llts["llt_currency"], strict=True)
    }
    found |= {code: Found(code, code, True) for code in pts["pt_code"]}
    pt_keys = {code: term_key(name) for code, name in zip(pts["pt_code"], pts["pt_name"], strict=True)}
    by_pt_key: dict[str, list[str]] = defaultdict(list)
    for code, key in sorted(pt_keys.items()):
        by_pt_key[key].append(code)
    by_llt_key: dict[str, list[str]] = defaultdict(list)
    llts_of: dict[str, list[LowestLevelTerm]] = defaultdict(list)
    for code, name in sorted(zip(llts["llt_code"], llts["llt_name"], strict=True)):
        key = term_key(name)
        by_llt_key[key].append(code)
        llts_of[found[code].pt_code].append(LowestLevelTerm(code, key))
    class_keys = {name: term_key(name) for name in set(paths["soc_name"])}
    class_of = {
        code: class_keys[name]
        for code, name, flag in zip(paths["pt_code"], paths["soc_name"], paths["primary_soc_fg"], strict=True)
        if flag == "Y"
    }
    return Meddra(
        version,
        sha256,
        found,
        {key: tuple(codes) for key, codes in by_pt_key.items()},
        {key: tuple(codes) for key, codes in by_llt_key.items()},
        {code: tuple(terms) for code, terms in llts_of.items()},
        pt_keys,
        class_of,
    )


def _columns(path: Path, blob: bytes) -> Columns:
    """The fields of a file that are used, checked cell by cell; both line ends are read."""
    fields = _FIELDS[path.name]
    try:
        text = blob.decode("utf-8")
    except UnicodeDecodeError as fault:
        number = blob[: fault.start].count(b"\n") + 1
        raise _damaged(path, "the text is not UTF-8", row=number) from None
    if text.startswith("\ufeff") or "\x00" in text:
        raise _damaged(path, "the text begins with a byte-order mark or holds a null character", row=1)
    rows = [line.split("$") for line in text.replace("\r\n", "\n").removesuffix("\n").split("\n")]
    most = len(fields) + (2 * len(fields) if path.name == _RELEASE else 0)
    for number, cells in enumerate(rows, 1):
        if cells[-1] or not len(fields) < len(cells) <= most + 1:
            raise _damaged(path, f"the row has not {len(fields)} fields that each end with $", row=number)
    columns = dict(zip(fields, zip(*rows, strict=path.name != _RELEASE), strict=False))
    for names, is_right, what in (
        (_CODES, _CODE, "the field is no code of eight digits"),
        (_FLAGS, ("Y", "N").__contains__, "the flag is neither Y nor N"),
        (_NAMES, str.strip, "the name is blank"),
    ):
        for name in columns.keys() & set(names):
            for number, cell in enumerate(columns[name], 1):
                if not is_right(cell):
                    raise _damaged(path, what, row=number, column=name)
    return columns


def _check(folder: Path, pts: Columns, llts: Columns, paths: Columns) -> None:
    """The three files belong together: nothing refers to a term that is not there, and none is cut off."""
    primary = {
        code: soc
        for code, soc, flag in zip(paths["pt_code"], paths["soc_code"], paths["primary_soc_fg"], strict=True)
        if flag == "Y"
    }
    flags = zip(paths["pt_code"], paths["primary_soc_fg"], strict=True)
    for name, codes, what in (
        ("pt.asc", pts["pt_code"], "the code is given twice"),
        ("llt.asc", llts["llt_code"], "the code is given twice"),
        ("mdhier.asc", tuple(code for code, flag in flags if flag == "Y"), "the code has two primary paths"),
    ):
        if len(set(codes)) != len(codes):
            twice = next(code for code, count in Counter(codes).items() if count > 1)
            raise _damaged(folder / name, what, value=twice)
    known = set(pts["pt_code"])
    for name, codes in (("llt.asc", llts["pt_code"]), ("mdhier.asc", paths["pt_code"])):
        for number, code in enumerate(codes, 1):
            if code not in known:
                what = "pt.asc has no such preferred term"
                raise _damaged(folder / name, what, row=number, column="pt_code", value=code)
    own_names = set(llts["llt_code"])
    for number, (code, soc) in enumerate(zip(pts["pt_code"], pts["pt_soc_code"], strict=True), 1):
        if code not in own_names:
            what = "the preferred term has not a lowest-level term of its own"
            raise _damaged(folder / "llt.asc", what, value=code)
        if code not in primary:
            raise _damaged(folder / "mdhier.asc", "the preferred term has not a primary path", value=code)
        if primary[code] != soc:
            what = "the primary class is not that of mdhier.asc"
            raise _damaged(folder / "pt.asc", what, row=number, column="pt_soc_code", value=soc)


def _damaged(
    path: Path, what: str, *, row: int | None = None, column: str | None = None, value: str | None = None
) -> ReleaseError:
    return ReleaseError(what, file=_shown(path), row=row, column=column, value=value, next_action=_UNPACK)


def _shown(path: Path) -> str:
    """Place of a file from the folder of its version on."""
    folder = path.parent.parent if path.parent.name == MEDASCII else path.parent
    return path.relative_to(folder.parent).as_posix()
