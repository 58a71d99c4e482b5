"""The study manifest, `study.yaml`: one strict typed model; an unknown key is an error.

An SDTM or ADaM folder needs `study`, `files` and `grading`; everything else has a default that is
printed with the results. The manifest is evidence about the study, not a place for clinical rules.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from schemas.assessment_items import ITEMS, NOT_DONE_REASONS
from schemas.errors import ManifestError, quoted
from schemas.manifest_fields import FIELDS
from schemas.vocabulary import ASTCT_VERSIONS, CRES_VERSIONS, CTCAE_VERSIONS

Role = Literal[
    "adverse_events",
    "subjects",
    "exposure",
    "infusions",
    "sedation",
    "assessments",
    "crs",
    "medical_history",
]
FileFormat = Literal[
    "xpt", "sas7bdat", "csv", "xlsx", "parquet", "dataset_json", "dataset_ndjson", "dataset_dsjc"
]
Encoding = Literal["utf-8", "cp1252", "latin-1"]
OverlayName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class FileSpec(_Strict):
    """One data file of the study."""

    path: str = Field(description="Path inside the study folder")
    role: Role = Field(description="What the file holds")
    format: FileFormat | None = Field(default=None, description="Format; the suffix decides when left out")
    encoding: Encoding = Field(default="utf-8", description="Character encoding of the file")
    delimiter: Annotated[str, StringConstraints(strip_whitespace=False)] | None = Field(
        default=None, description="Field delimiter of a text file; the suffix decides when left out"
    )
    quoted: bool | None = Field(
        default=None,
        description="Cells may be enclosed in double quotes (no: quotation marks are text); "
        "when left out, yes except in files delimited by $",
    )
    sheet: str | None = Field(default=None, description="Sheet of a workbook; the only one when left out")
    null_values: tuple[str, ...] = Field(default=(), description="Texts that mean an empty cell, e.g. NA")
    expected_rows: int | None = Field(default=None, ge=0, description="Data rows the file must have")
    date_order: Literal["day_first", "month_first"] | None = Field(
        default=None, description="Order of day and month in dates such as 03/04/2017"
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="Field to column of the file, where it is not the SDTM or ADaM name"
    )
    items: dict[str, str] = Field(
        default_factory=dict,
        description="Assessments with a column per item: item to column, e.g. ice_total: ICE_SCORE",
    )
    codes: dict[str, str] = Field(
        default_factory=dict,
        description="Assessments with a row per item: code of the file to item, e.g. ICETOT: ice_total; "
        "rows with other codes are counted, not rejected",
    )
    values: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="Words of the file per item (or reason): text to word of the item's list, e.g. "
        "arousal: {EYES OPEN TO VOICE: voice}",
    )
    where: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Keep only rows whose column holds one of these texts; others are counted, not rejected",
    )

    @field_validator("path")
    @classmethod
    def _inside(cls, value: str) -> str:
        parts = value.replace("\\", "/").split("/")
        if not value or value.startswith(("/", "~")) or ".." in parts or ":" in parts[0] or "\x00" in value:
            raise ValueError("must be a path inside the study folder")
        return value

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        if value is not None and (len(value) != 1 or value in '"\r\n'):
            raise ValueError("must be one character, not a quote or a line end")
        return value

    @model_validator(mode="after")
    def _known_fields(self) -> FileSpec:
        known = FIELDS[self.role]
        for field in self.columns:
            if field not in known:
                raise ValueError(
                    f"unknown field {quoted(field)} for role {self.role}{_nearest(field, known)}"
                )
        return self

    @model_validator(mode="after")
    def _known_items(self) -> FileSpec:
        if self.role != "assessments":
            if self.items or self.codes or self.values:
                raise ValueError("items, codes and values belong to files of role assessments")
            return self
        if bool(self.items) == bool(self.codes):
            raise ValueError(
                "say what the file holds: items (a column per item) or codes (a row per item), not both"
            )
        for item in (*self.items, *self.codes.values()):
            if item not in ITEMS:
                raise ValueError(f"unknown item {quoted(item)}{_nearest(item, list(ITEMS))}")
        for item, words in self.values.items():
            allowed = _words_of(item)
            for word in words.values():
                if word not in allowed:
                    raise ValueError(
                        f"values: {item} has no word {quoted(word)}{_nearest(word, list(allowed))}; "
                        f"known: {', '.join(allowed)}"
                    )
        return self


def _words_of(item: str) -> tuple[str, ...]:
    """Words that `values` can translate to for an item, or for the reason an item was not assessed."""
    if item == "reason":
        return tuple(NOT_DONE_REASONS)
    if item not in ITEMS:
        raise ValueError(f"values: unknown item {quoted(item)}{_nearest(item, [*ITEMS, 'reason'])}")
    known = ITEMS[item]
    if known.kind == "code":
        return known.codes
    if known.kind == "score":
        return tuple(str(value) for value in range(int(known.lowest), int(known.highest) + 1))
    raise ValueError(f"values: {item} is a number in {known.unit}, it has no words")


class Grading(_Strict):
    """The scale the study graded on and how it used it."""

    scale: Literal["ctcae", "cres", "astct", "severity", "none"] = Field(description="Grading scale")
    version: str | None = Field(
        default=None, description="Version of the scale; every version stays possible when left out"
    )
    conventions: tuple[str, ...] = Field(
        default=(), description="Study conventions of the mapping release, e.g. any_seizure_grade_3"
    )
    half_grades: Literal["reject", "ceil"] = Field(
        default="reject", description="What a grade of 2.5 becomes"
    )
    verbatim_terms: bool = Field(
        default=False, description="Match the verbatim term when nothing coded matches"
    )

    @field_validator("version", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            raise ValueError(f'write the version in quotes: "{value}"')
        return value

    @model_validator(mode="after")
    def _conventions_of_ctcae(self) -> Grading:
        if self.conventions and self.scale != "ctcae":
            raise ValueError("conventions act on CTCAE grades: leave them out for this scale")
        return self

    @model_validator(mode="after")
    def _known_version(self) -> Grading:
        if self.version is None:
            return self
        known = {"ctcae": CTCAE_VERSIONS, "cres": CRES_VERSIONS, "astct": ASTCT_VERSIONS}.get(self.scale, ())
        if normalise_version(self.scale, self.version) not in known:
            allowed = ", ".join(known) or "none: leave the key out"
            raise ValueError(f"scale {self.scale} has no version {quoted(self.version)}; known: {allowed}")
        return self


def normalise_version(scale: str, version: str | None) -> str | None:
    """Version as the release names it: CTCAE 4, 4.0 and 4.02 read as 4.03, 3 as 3.0, v5 as 5.0.

    Returns None for None. An unknown version comes back unchanged, for the caller to report.
    """
    if version is None:
        return None
    text = version.strip().lower()
    for prefix in ("ctcae", "version", "ver", "v"):
        text = text.removeprefix(prefix).strip(" .")
    if scale == "ctcae":
        aliases = {
            "2": "2.0",
            "3": "3.0",
            "4": "4.03",
            "4.0": "4.03",
            "4.00": "4.03",
            "4.01": "4.03",
            "4.02": "4.03",
            "5": "5.0",
            "6": "6.0",
        }
        text = aliases.get(text, text)
    return text


class Windows(_Strict):
    """Days after the infusion in which an onset counts; day 0 is the infusion."""

    primary_days: int = Field(default=30, ge=0, le=3650, description="Last day of the headline window")
    sensitivity_days: tuple[Annotated[int, Field(ge=0, le=3650)], ...] = Field(
        default=(56,), description="Last days of the other windows"
    )

    @model_validator(mode="after")
    def _distinct(self) -> Windows:
        if len({self.primary_days, *self.sensitivity_days}) != 1 + len(self.sensitivity_days):
            raise ValueError("primary_days and sensitivity_days must all differ")
        return self


class Infusions(_Strict):
    """Where day 0 comes from."""

    source: Literal["exposure", "reference_start", "table", "none"] = Field(
        description="exposure rows, reference start of the subject table, a table of infusions, or none"
    )
    products: tuple[str, ...] = Field(
        default=(),
        description="Product texts that are the cell product (exposure); every row when left out",
    )
    first_only: bool = Field(
        default=False,
        description="Only the first row of a subject is an infusion (repeated dosing of another drug)",
    )
    note: str | None = Field(
        default=None, description="Printed with the results, e.g. when a first dose stands for the infusion"
    )


class Episodes(_Strict):
    """How days are joined to episodes."""

    gap_days: int = Field(
        default=7, ge=0, le=365, description="Gaps of at most this many days do not end an episode"
    )
    late_after_day: int = Field(
        default=28, ge=0, le=3650, description="An onset after this day is a late onset"
    )


class Context(_Strict):
    """Which rules about another cause apply: each lowers `low`, keeps `high` and says why."""

    sedation: bool = Field(default=True, description="Sedated on every day of a row")
    haemorrhage: bool = Field(default=True, description="Intracranial haemorrhage on the same days")
    stroke: bool = Field(default=True, description="Stroke on the same days")
    pres: bool = Field(default=False, description="PRES on the same days counts as another cause")
    cns_infection: bool = Field(default=True, description="CNS infection on the same days")
    cns_progression: bool = Field(default=True, description="CNS progression on the same days")
    named_causes: tuple[str, ...] = Field(
        default=(),
        description="Preferred terms that count as another cause on the same days, e.g. Septic shock",
    )
    medical_history: bool = Field(default=True, description="The same concept in the medical history")
    baseline_deficit: bool = Field(
        default=True, description="A deficit of the same domain measured before the first infusion"
    )


class StudyManifest(_Strict):
    """Everything the pipeline must be told about one study."""

    manifest_version: Literal[1] = Field(default=1, description="Version of this format")
    study: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Study identifier; the folder has the same name",
    )
    title: str | None = Field(default=None, max_length=500, description="Title")
    product: str | None = Field(default=None, max_length=200, description="Cell product")
    files: tuple[FileSpec, ...] = Field(min_length=1, description="Data files")
    grading: Grading
    windows: Windows = Windows()
    attribution: Literal["widen", "ignore", "exclude"] = Field(
        default="widen", description="How the investigator's causality is used"
    )
    infusions: Infusions
    ae_table_complete: bool = Field(
        default=True,
        description="Every adverse event of the study is in the table; if not, nobody is NOT_ICANS",
    )
    blank_death_flag_means_alive: bool = Field(
        default=False, description="A blank death flag is a record that the subject is alive"
    )
    data_cutoff: date | None = Field(default=None, description="Last day the data covers")
    episodes: Episodes = Episodes()
    context: Context = Context()
    age_recorded_at: Literal["consent", "infusion"] = Field(
        default="consent",
        description="When the recorded age was reached; an age of 11 at consent may be 12 at infusion",
    )
    mapping_release: str | None = Field(
        default=None, description="Mapping release; the newest shipped one when left out"
    )
    mapping_overlays: tuple[OverlayName, ...] = Field(
        default=(),
        description="Private overlays put on the release, in order: folders of mappings/ in the data home",
    )
    meddra: str | None = Field(
        default=None,
        pattern=r"^[1-9][0-9]?\.[0-9]$",
        description='MedDRA version, e.g. "26.1": the folder of meddra/ in the data home that holds it; '
        "no dictionary when left out",
    )

    @field_validator("meddra", mode="before")
    @classmethod
    def _quoted(cls, value: object) -> object:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            raise ValueError(f'write the version in quotes: "{value}"')
        return value

    @model_validator(mode="after")
    def _consistent(self) -> StudyManifest:
        roles = [file.role for file in self.files]
        if "adverse_events" not in roles:
            raise ValueError("files: no file has the role adverse_events")
        needs = {"exposure": "exposure", "table": "infusions", "reference_start": "subjects"}.get(
            self.infusions.source
        )
        if needs is not None and needs not in roles:
            raise ValueError(f"infusions.source is {self.infusions.source} but no file has the role {needs}")
        paths = [file.path for file in self.files]
        doubled = sorted({path for path in paths if paths.count(path) > 1})
        if doubled:
            raise ValueError(f"files: {doubled[0]} is listed twice")
        return self


def parse_manifest(content: Mapping[str, Any], file: str) -> StudyManifest:
    """Validate parsed YAML; `file` is named in errors.

    Raises `ManifestError` naming the key, its value where it is a scalar, and for an unknown key
    the nearest valid one.
    """
    try:
        return StudyManifest.model_validate(content)
    except ValidationError as failure:
        raise _manifest_error(failure, file) from None


def _manifest_error(failure: ValidationError, file: str) -> ManifestError:
    # A misspelt required key is an unknown one first: that one names the correction.
    error = min(failure.errors(), key=lambda found: found["type"] != "extra_forbidden")
    location = ".".join(str(part) for part in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        unknown = str(error["loc"][-1])
        known = _known_keys(error["loc"][:-1])
        message = f"unknown key{_nearest(unknown, known)}"
        action = f"use one of: {', '.join(sorted(known))}"
    elif error["type"] == "missing":
        message, action = "this key is required", "add the key (regrade init writes a manifest that runs)"
    else:
        action = "correct the value; the README lists every key"
    value = error.get("input")
    shown = str(value) if isinstance(value, (str, int, float, bool)) else None
    more = len(failure.errors()) - 1
    if more:
        message += f" (and {more} more)"
    return ManifestError(message, file=file, column=location or None, value=shown, next_action=action)


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = StudyManifest
    sections: dict[str, type[BaseModel]] = {
        "files": FileSpec,
        "grading": Grading,
        "windows": Windows,
        "infusions": Infusions,
        "episodes": Episodes,
        "context": Context,
    }
    for part in location:
        if isinstance(part, str) and part in sections:
            model = sections[part]
    return list(model.model_fields)


def _nearest(word: str, known: Mapping[str, Any] | list[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f", nearest valid: {close[0]}" if close else ""
