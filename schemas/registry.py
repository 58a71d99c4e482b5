"""Every table of the project, by name and in publication order."""

from __future__ import annotations

from typing import Final

from schemas.assessments import (
    CoreAssessments,
    CoreCrs,
    CoreMedicalHistory,
    StagedAssessments,
    StagedCrs,
    StagedMedicalHistory,
)
from schemas.base import Table
from schemas.courses import (
    CoreAssessmentGrades,
    CoreAssessmentWindows,
    CoreClosingFacts,
    CoreContradictions,
    CoreCourseSummary,
    CoreEventDates,
    CoreSubjectCourses,
    CoreTimeToEvent,
)
from schemas.evidence import (
    CoreAdverseEvents,
    CoreFindings,
    CoreInfusions,
    CoreParseProblems,
    CoreRejectedRows,
    CoreSedation,
    CoreSubjects,
    StagedAdverseEvents,
    StagedInfusions,
    StagedSedation,
    StagedSourceRows,
    StagedSubjects,
)
from schemas.mapping_diffs import DiffMappingImpact, DiffMappingRows, DiffMappingStudies
from schemas.release import (
    MapClasses,
    MapConcepts,
    MapConventions,
    MapGrades,
    MapReleases,
    MapTerms,
    MapVocabulary,
)
from schemas.results import (
    CoreEpisodes,
    CoreEventGrades,
    CoreEventWindows,
    CoreIncidence,
    CoreRuns,
    CoreStudies,
    CoreSubjectDays,
    CoreSubjectGrades,
    CoreUnmappedTerms,
    DiffScaleEvents,
    DiffScaleSubjects,
    DiffScaleThresholds,
)

STAGED_TABLES: Final[tuple[type[Table], ...]] = (
    StagedAdverseEvents,
    StagedSubjects,
    StagedInfusions,
    StagedSedation,
    StagedAssessments,
    StagedCrs,
    StagedMedicalHistory,
    StagedSourceRows,
)
"""Kept in the run folder, not published."""

CHECKED_TABLES: Final[tuple[type[Table], ...]] = (
    CoreAdverseEvents,
    CoreSubjects,
    CoreInfusions,
    CoreSedation,
    CoreAssessments,
    CoreCrs,
    CoreMedicalHistory,
    CoreParseProblems,
    CoreRejectedRows,
    CoreFindings,
)
GRADED_TABLES: Final[tuple[type[Table], ...]] = (
    CoreStudies,
    CoreEventGrades,
    CoreEventWindows,
    CoreAssessmentGrades,
    CoreAssessmentWindows,
    CoreSubjectGrades,
    CoreSubjectDays,
    CoreEpisodes,
    CoreEventDates,
    CoreSubjectCourses,
    CoreTimeToEvent,
    CoreCourseSummary,
    CoreContradictions,
    CoreClosingFacts,
    CoreUnmappedTerms,
    CoreIncidence,
)
DIFF_TABLES: Final[tuple[type[Table], ...]] = (
    DiffScaleEvents,
    DiffScaleSubjects,
    DiffScaleThresholds,
)
RELEASE_TABLES: Final[tuple[type[Table], ...]] = (
    MapReleases,
    MapConcepts,
    MapTerms,
    MapGrades,
    MapConventions,
    MapClasses,
    MapVocabulary,
)
MAPPING_DIFF_TABLES: Final[tuple[type[Table], ...]] = (
    DiffMappingRows,
    DiffMappingStudies,
    DiffMappingImpact,
)
"""Of pairs of releases, not of runs."""
PUBLISHED_TABLES: Final[tuple[type[Table], ...]] = (
    CoreRuns,
    *CHECKED_TABLES,
    *GRADED_TABLES,
    *DIFF_TABLES,
    *RELEASE_TABLES,
    *MAPPING_DIFF_TABLES,
)
TABLES: Final[dict[str, type[Table]]] = {
    declared.info().name: declared for declared in (*STAGED_TABLES, *PUBLISHED_TABLES)
}
