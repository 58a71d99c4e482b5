"""Curation rules on what a release says of itself: number, parent, sign-offs, header; and the light rules.

What may live here: rules on `release.yaml` and the metadata blocks, and the rules of the loader as a
curation rule. What may not: decisions, vocabularies.
"""

from __future__ import annotations

from collections.abc import Iterator

from mappings.checks import release_problems
from mappings.curation.rules import Rules, rule
from mappings.problem import Problem

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
