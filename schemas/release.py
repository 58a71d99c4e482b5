"""A mapping release as tables: concepts, terms, grades, conventions, classes.

The release decides; the code only applies it. Column names here are the warehouse's; the files in
`mappings/releases/` use SSSOM names where SSSOM has one (see `mappings.loader`).
"""

from __future__ import annotations

import polars as pl

from schemas.base import Table, column, table
from schemas.vocabulary import CAUSE_ROLES, DISPOSITIONS

LAYER = "Who decides by this row: the release by its id, or a private overlay by its name"
AUTHOR = "Who made the decision: the project as a body, or the role an overlay names; never a person"
DECIDED_ON = "Date the decision was made (ISO 8601); an unchanged row keeps it from release to release"
REVIEWED_BY = "Roles that reviewed the row, joined by |; each has a sign-off in the release"
REVIEWED_ON = "Date of the review (ISO 8601)"
NOT_REVIEWED = "nobody has reviewed the row"
_DATE = r"^\d{4}-\d{2}-\d{2}$"


@table(
    "map_releases",
    grain="one mapping release",
    key=("release_id",),
    run_scoped=False,
)
class MapReleases(Table):
    """Mapping releases with their status. None is clinically reviewed unless it says so."""

    release_id: str = column("Semantic version of the release")
    status: str = column(
        "draft, under_review, published, withdrawn", isin=["draft", "under_review", "published", "withdrawn"]
    )
    parent_release_id: str = column("Release it was made from", null="the first release")
    release_sha256: str = column("sha256 over the release's checksum list")
    clinical_sign_offs: pl.Int32 = column("Number of clinical sign-offs recorded", ge=0)
    data_sign_offs: pl.Int32 = column("Number of data-management sign-offs recorded", ge=0)
    licence: str = column("Licence of the release")
    sources: str = column("Sources with their versions")
    change_note: str = column("What changed and why")


@table(
    "map_concepts",
    grain="one concept of one release",
    key=("release_id", "concept_id"),
    run_scoped=False,
)
class MapConcepts(Table):
    """What terms can mean; the unit a grade decision is made for."""

    release_id: str = column("Release")
    concept_id: str = column("Concept, lower snake case", str_matches=r"^[a-z][a-z0-9_]*$")
    label: str = column("Name a person reads")
    concept_group: str = column("Family of the concept, as in the CTCAE neuro-term list")
    is_broad: bool = column("In the broad comparator set: a nervous or psychiatric concept")
    is_core: bool = column("In the core comparator set: informs a domain at some grade")
    cause_role: str = column(
        "Role as another cause or as a marker in time", null="none", isin=list(CAUSE_ROLES)
    )
    layer: str = column(LAYER)


@table(
    "map_terms",
    grain="one spelling or code of one scale version",
    key=("release_id", "term_key", "scale_version", "code"),
    run_scoped=False,
)
class MapTerms(Table):
    """Source terms and codes, and the concept each stands for."""

    release_id: str = column("Release")
    term: str = column("Term as its source writes it")
    term_key: str = column("Normalised term; the whole key must match")
    code: str = column("Published code of the term ('' where it has none)")
    scale_version: str = column("CTCAE version the term or code is read in, or 'any'")
    relation: str = column(
        "own (has its own rows), exact, spelling, narrower (take the target's rows) or broader (never does)",
        isin=["own", "exact", "spelling", "narrower", "broader"],
    )
    concept_id: str = column("Concept the term stands for", null="undecided: the term stays unmapped")
    justification: str = column("SSSOM mapping justification")
    source: str = column("Where the term or synonym is published")
    note: str = column("Remark", null="none")
    author: str = column(AUTHOR)
    decided_on: str = column(DECIDED_ON, str_matches=_DATE)
    reviewed_by: str = column(REVIEWED_BY, null=NOT_REVIEWED)
    reviewed_on: str = column(REVIEWED_ON, null=NOT_REVIEWED, str_matches=_DATE)
    layer: str = column(LAYER)


@table(
    "map_grades",
    grain="one grade of one concept in one scale version and population",
    key=("release_id", "scale", "scale_version", "concept_id", "grade", "population"),
    run_scoped=False,
)
class MapGrades(Table):
    """One decision: a grade of a concept in a scale version, and the ICANS grades it allows."""

    release_id: str = column("Release")
    rule_id: str = column(
        "Id of the decision: scale:version:concept:grade, with :child where it is a child row"
    )
    scale: str = column("Grading scale", isin=["ctcae", "cres", "astct"])
    scale_version: str = column("Version, or 'any' for a preferred term graded on the generic scale")
    concept_id: str = column("Concept, or '*' for every concept of the scale that has no row of its own")
    grade: pl.Int8 = column("Source grade", ge=1, le=5)
    population: str = column("any, or child where CAPD changes the decision", isin=["any", "child"])
    domains: str = column("ICANS domains restricted, joined by |", null="no domain")
    low: pl.Int8 = column("Lowest ICANS grade consistent with the row", ge=0, le=5)
    point: pl.Int8 = column("Most defensible ICANS grade", null="no single grade is defensible", ge=0, le=5)
    high: pl.Int8 = column("Highest ICANS grade consistent with the row", ge=0, le=5)
    disposition: str = column(
        "What the row does", isin=[d for d in DISPOSITIONS if d not in ("out_of_scope", "no_event")]
    )
    requires: str = column(
        "What would close the interval, joined by |", null="nothing: the interval is closed or excluded"
    )
    source_text: str = column(
        "Grade text of the source scale, verbatim", null="preferred term without a text of its own"
    )
    decision: str = column("The decision in words")
    rationale: str = column("Why")
    source: str = column("Document and table the decision rests on, or 'judgement'")
    review_reason: str = column("Why a person should look", null="no review needed")
    author: str = column(AUTHOR)
    decided_on: str = column(DECIDED_ON, str_matches=_DATE)
    reviewed_by: str = column(REVIEWED_BY, null=NOT_REVIEWED)
    reviewed_on: str = column(REVIEWED_ON, null=NOT_REVIEWED, str_matches=_DATE)
    layer: str = column(LAYER)


@table(
    "map_conventions",
    grain="one convention and concept",
    key=("release_id", "convention_id", "concept_id"),
    run_scoped=False,
)
class MapConventions(Table):
    """Study conventions that put one grade on every event of a kind."""

    release_id: str = column("Release")
    convention_id: str = column("Name the manifest declares it by, e.g. any_seizure_grade_3")
    concept_id: str = column("Concept the convention touches")
    convention_grade: pl.Int8 = column("Grade set by convention", ge=1, le=5)
    grades_covered: str = column("Grades the row may really have had, joined by |")
    point: pl.Int8 = column("Point of its own", null="point of the hull", ge=0, le=5)
    rationale: str = column("Why")
    source: str = column("Document, or 'judgement'")
    author: str = column(AUTHOR)
    decided_on: str = column(DECIDED_ON, str_matches=_DATE)
    reviewed_by: str = column(REVIEWED_BY, null=NOT_REVIEWED)
    reviewed_on: str = column(REVIEWED_ON, null=NOT_REVIEWED, str_matches=_DATE)
    layer: str = column(LAYER)


@table(
    "map_classes",
    grain="one class name",
    key=("release_id", "class_key"),
    run_scoped=False,
)
class MapClasses(Table):
    """Body systems and toxicity categories, and whether an unmapped term in them is in scope."""

    release_id: str = column("Release")
    class_name: str = column("Class as published")
    class_key: str = column("Normalised class")
    is_in_scope: bool = column(
        "Nervous, psychiatric, eye or musculoskeletal (v2, v3: neurology, ocular, musculoskeletal)"
    )
    source: str = column("Where the class is published")


@table(
    "map_vocabulary",
    grain="one term of one version",
    key=("release_id", "scale_version", "term_key", "code"),
    run_scoped=False,
)
class MapVocabulary(Table):
    """CTCAE terms of every version with their class: tells where a term without a class belongs."""

    release_id: str = column("Release")
    scale_version: str = column("CTCAE version")
    term: str = column("Term as published")
    term_key: str = column("Normalised term")
    code: str = column("Published code ('' where it has none)")
    class_name: str = column("Class as published")
