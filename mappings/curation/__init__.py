"""Curation: the checks a mapping release must pass, and the canonical form of its files.

What may live here: rules about releases, their report and their repair of form. What may not: a clinical
decision; a rule says that a decision is missing, contradicts another or is not as published, never which
one is right.

A sponsor runs the same checks on a private set:

    >>> from pathlib import Path
    >>> from mappings.curation import CurationChecks, Problem, rule
    >>> class HouseChecks(CurationChecks):
    ...     @rule("HOUSE-LICENCE", "A private set is not licensed to others")
    ...     def licence(self):
    ...         if self.about and self.about.licence != "proprietary":
    ...             yield Problem("content", self.about.release_id, "release.yaml", "",
    ...                 "the licence is not proprietary", "ask the legal department", column="licence")
    >>> problems = HouseChecks.of_folder(Path("private/1.0.0")).run()
    >>> [(problem.rule_id, problem.column) for problem in problems]
    [('HOUSE-LICENCE', 'licence')]

A set of a few terms (an overlay) leaves out the rules that ask for completeness: `run(whole=False)`.
"""

from __future__ import annotations

from mappings.curation.check import CurationChecks, check_all, check_release
from mappings.curation.lint import LintResult, lint_release
from mappings.curation.rules import RuleInfo, rule
from mappings.problem import KINDS, Problem

__all__ = [
    "KINDS",
    "CurationChecks",
    "LintResult",
    "Problem",
    "RuleInfo",
    "check_all",
    "check_release",
    "lint_release",
    "rule",
]
