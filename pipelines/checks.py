"""Asset checks: the findings of a study and the problems of the mapping releases, one check per rule.

What may live here: the bridge from `core_findings` and from `mappings.curation` to Dagster checks. What may
not: a rule, a row, or anything that stops a run; a failed check is a message, because findings are data
and never block.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Final

import dagster as dg
import polars as pl

from mappings.curation import KINDS, CurationChecks, Problem
from pipelines.partitions import STUDIES

RULE_IDS: Final = (
    "CG0134",
    "CG0135",
    "CG0391",
    "CHK-AGE-AT-CONSENT",
    "CHK-AGE-BIRTH-DISAGREE",
    "CHK-AGE-MISSING",
    "CHK-ASSESSMENT-AFTER-CUTOFF",
    "CHK-ASSESSMENT-AFTER-DEATH",
    "CHK-ASSESSMENT-BEFORE-INFUSION",
    "CHK-ASSESSMENT-NOT-DONE",
    "CHK-ASSESSMENT-PARTIAL",
    "CHK-ASSESSMENT-REPEATED",
    "CHK-ASSESSMENT-SUBJECT-NOT-LISTED",
    "CHK-ASSESSMENT-TWO-VALUES",
    "CHK-ASSESSMENT-UNDATED",
    "CHK-ASSESSMENT-WRONG-SCALE",
    "CHK-CLASS-MISSING",
    "CHK-CODED-TERM-MISSING",
    "CHK-CRS-START-AFTER-END",
    "CHK-CRS-SUBJECT-NOT-LISTED",
    "CHK-CRS-UNDATED",
    "CHK-DEATH-BEFORE-INFUSION",
    "CHK-DUPLICATE-ROW",
    "CHK-END-AFTER-DEATH",
    "CHK-EVENT-BEFORE-BIRTH",
    "CHK-EVENT-SUBJECT-NOT-INFUSED",
    "CHK-EVENT-SUBJECT-NOT-LISTED",
    "CHK-FATAL-ALIVE",
    "CHK-FATAL-BELOW-GRADE-5",
    "CHK-FATAL-NOT-SERIOUS",
    "CHK-FATAL-OUTCOME-DISAGREES",
    "CHK-GRADE-5-ALIVE",
    "CHK-GRADE-5-NOT-FATAL",
    "CHK-GRADE-MISSING",
    "CHK-GRADE-ZERO",
    "CHK-HISTORY-AFTER-INFUSION",
    "CHK-HISTORY-TERM-MISSING",
    "CHK-INFUSED-NOT-LISTED",
    "CHK-INFUSED-WITHOUT-EVENT",
    "CHK-INFUSION-BEFORE-BIRTH",
    "CHK-INFUSION-LATER-DOSE",
    "CHK-INFUSION-PARTIAL",
    "CHK-INFUSION-SPLIT",
    "CHK-INFUSION-UNDATED",
    "CHK-INFUSIONS-ABSENT",
    "CHK-KEY-CONFLICT",
    "CHK-ONGOING-WITH-END",
    "CHK-ONSET-AFTER-CUTOFF",
    "CHK-ONSET-AFTER-DEATH",
    "CHK-ONSET-MISSING",
    "CHK-ONSET-PARTIAL",
    "CHK-OUTCOME-MISSING",
    "CHK-RELATIONSHIP-MISSING",
    "CHK-SCHEMA",
    "CHK-SEDATION-START-AFTER-END",
    "CHK-SEDATION-UNDATED",
    "CHK-SPONSOR-FLAG-MISSING",
    "CHK-START-AFTER-END",
    "CHK-SUBJECT-MISSING",
    "CHK-SUBJECT-TABLE-ABSENT",
    "CHK-TERM-MISSING",
    "CHK-VERSION-MISSING",
    "STG-AGE-DECADE",
    "STG-AGE-GROUP-UNREADABLE",
    "STG-AGE-RANGE",
    "STG-AGE-UNIT",
    "STG-AGE-UNREADABLE",
    "STG-ALIVE-WITH-DEATH-DATE",
    "STG-ASSESSMENT-EMPTY",
    "STG-ASSESSMENT-EVENT-UNKNOWN",
    "STG-ASSESSMENT-IMPOSSIBLE",
    "STG-ASSESSMENT-UNREADABLE",
    "STG-BLANK-CELLS",
    "STG-DATE-AMBIGUOUS",
    "STG-DATE-IMPOSSIBLE",
    "STG-DATE-TWO-DIGIT-YEAR",
    "STG-DATE-UNREADABLE",
    "STG-FATAL-CONTRADICTION",
    "STG-GRADE-HALF",
    "STG-GRADE-UNREADABLE",
    "STG-ITEM-CODE-ABSENT",
    "STG-ITEM-UNMAPPED",
    "STG-NOT-DONE-WITH-VALUE",
    "STG-OUTCOME-UNREADABLE",
    "STG-RELATIONSHIP-UNREADABLE",
    "STG-ROWS-FILTERED",
    "STG-ROWS-UNREADABLE",
    "STG-SCALE-UNKNOWN",
    "STG-SEVERITY-TOXICITY",
    "STG-SEVERITY-UNREADABLE",
    "STG-STATUS-UNREADABLE",
    "STG-TIME-UNREADABLE",
    "STG-UNIT-UNKNOWN",
    "STG-VERSION-UNKNOWN",
    "STG-YESNO-UNREADABLE",
)
"""Rules of `pipelines.ingest`; Dagster must know the name of a check before a study is read."""
OTHER_RULES: Final = "other_rules"
"""Check that gathers the findings of rules that are not listed above."""
_LISTED_RULES: Final = 50


def check_name(rule_id: str) -> str:
    """Name of the check of a rule: Dagster allows letters, digits and '_'."""
    name = rule_id.replace("-", "_")
    return name if rule_id in RULE_IDS else OTHER_RULES


def _specs() -> tuple[dg.AssetCheckSpec, ...]:
    names = (*(check_name(rule_id) for rule_id in RULE_IDS), OTHER_RULES)
    with warnings.catch_warnings():
        # Partitioned checks are marked as a preview; tests/upstream pins what is relied on.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return tuple(
            dg.AssetCheckSpec(name, asset="checked", blocking=False, partitions_def=STUDIES) for name in names
        )


CHECK_SPECS: Final = _specs()


def check_results(findings: pl.DataFrame) -> list[dg.AssetCheckResult]:
    """One result per check: failed rows and denominator, summed over the tables and columns of the rule.

    A check that no row of this study falls under passes with the status `not_applicable`. Failures
    are errors or warnings as the rule says; neither blocks what comes after.
    """
    by_check: dict[str, list[dict[str, object]]] = {spec.name: [] for spec in CHECK_SPECS}
    for row in findings.iter_rows(named=True):
        by_check[check_name(str(row["rule_id"]))].append(row)
    return [_result(name, pl.DataFrame(rows, schema=findings.schema)) for name, rows in by_check.items()]


def _result(name: str, findings: pl.DataFrame) -> dg.AssetCheckResult:
    failed = findings.filter(pl.col("status").is_in(["fail", "error"]))
    statuses = set(findings["status"])
    status = next((s for s in ("error", "fail", "pass") if s in statuses), "not_applicable")
    is_error = (failed["severity"] == "error").any()
    shown = findings.select("rule_id", "table_name", "column_name", "status", "count", "denominator")
    return dg.AssetCheckResult(
        asset_key="checked",
        check_name=name,
        passed=failed.is_empty(),
        severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        description=None if findings.is_empty() else "; ".join(findings["description"].unique().sort()),
        metadata={
            "status": status,
            "count": int(findings["count"].sum()),
            "denominator": int(findings["denominator"].sum()),
            "findings": dg.MetadataValue.table(
                [dg.TableRecord(data=row) for row in shown.head(_LISTED_RULES).iter_rows(named=True)],
                dg.TableSchema(columns=[dg.TableColumn(n, str(t)) for n, t in shown.schema.items()]),
            ),
        },
    )


MAPPING_RULES: Final = tuple(info.rule_id for info in CurationChecks.rules())
"""Rules about what a release decides; everything else that can be wrong has a check per kind of problem."""


def _mapping_check(problem: Problem) -> str:
    name = problem.rule_id if problem.rule_id in MAPPING_RULES else f"KIND-{problem.kind.upper()}"
    return name.replace("-", "_")


MAPPING_CHECK_SPECS: Final = tuple(
    dg.AssetCheckSpec(name.replace("-", "_"), asset="mapping_releases", description=says, blocking=False)
    for name, says in (
        *((info.rule_id, info.title) for info in CurationChecks.rules()),
        *((f"KIND-{kind.upper()}", says) for kind, says in KINDS.items()),
    )
)


def mapping_check_results(problems: Sequence[Problem]) -> list[dg.AssetCheckResult]:
    """One result per check of the mapping releases, with the places of its problems."""
    found: dict[str, list[Problem]] = {spec.name: [] for spec in MAPPING_CHECK_SPECS}
    for problem in problems:
        found[_mapping_check(problem)].append(problem)
    return [
        dg.AssetCheckResult(
            asset_key="mapping_releases",
            check_name=name,
            passed=not broken,
            metadata={
                "problems": len(broken),
                "first": dg.MetadataValue.md(
                    "\n".join(f"- {problem.error()}" for problem in broken[:_LISTED_RULES])
                ),
            },
        )
        for name, broken in found.items()
    ]
