"""Curation rules on what a release says of itself: number, parent, sign-offs, header; and the light rules.

What may live here: rules on `release.yaml` and the metadata blocks, and the rules of the loader as a
curation rule; what a row says of its author and review. What may not: decisions, vocabularies.
"""

from __future__ import annotations

from collections.abc import Iterator

from mappings.checks import DECIDING, release_problems
from mappings.curation.rules import Rules, rule
from mappings.problem import Problem
from schemas.base import SEPARATOR

ABOUT = "release.yaml"


class IdentityRules(Rules):
    """Rules on the release as a whole."""

    @rule("MAP-LOAD", "The release obeys every rule the loader asks of it")
    def loadable(self) -> Iterator[Problem]:
        """The rules of `mappings.checks`, each under its own id."""
        yield from release_problems(self.sheets)

    @rule("MAP-SIGN-OFF", "No sign-off is older than the release it signs")
    def sign_offs(self) -> Iterator[Problem]:
        """A review of last year's text is no review of this one."""
        if self.about is None:
            return
        for sign_off in self.about.sign_offs:
            if sign_off.date < self.about.date:
                yield Problem(
                    *("content", self.about.release_id, ABOUT, ""),
                    f"the {sign_off.role} sign-off is older than the release ({self.about.date})",
                    "have the release signed off as it is now, or correct the date",
                    column="sign_offs",
                    value=str(sign_off.date),
                )

    @rule("MAP-REVIEW", "A row claims no review that the release is not signed off for")
    def reviews(self) -> Iterator[Problem]:
        """Every role a row names has signed off `release.yaml`, one of them on the date of the review.

        Without a `release.yaml` (tables in memory) there is nothing to hold a claim against.
        """
        if self.about is None:
            return
        signed = {(sign_off.role, str(sign_off.date)) for sign_off in self.about.sign_offs}
        roles = {role for role, _ in signed}
        what = "the row claims a review that no sign-off of the release backs"
        action = "leave reviewer_label and review_date blank, or have the release signed off first"
        for table in DECIDING:
            wrong = []
            for row in self.rows(table):
                named = set((row["reviewed_by"] or "").split(SEPARATOR)) - {""}
                dated = any((role, row["reviewed_on"]) in signed for role in named)
                wrong.append(row["reviewed_by"] is not None and not (named <= roles and dated))
            yield from self.broken(table, "reviewer_label", what, wrong, action)
