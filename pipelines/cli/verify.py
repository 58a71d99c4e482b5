"""`regrade verify`: recompute a delivered or stored run and say whether it is what it claims to be.

What may live here: which of the two is meant, and the words of the answer. What may not: recomputing
(`pipelines.verification`), reading a delivery (`pipelines.delivery`).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Final

from pipelines.cli.failures import NOT_COMPUTED, OK
from pipelines.cli.output import SHORT, print_json, visible
from pipelines.delivery import DELIVERY_NAME, verify_delivery
from pipelines.home import given_path, home_if_any, resolve_home
from pipelines.verification import Difference, Verification, verify_home_run
from schemas.errors import RegradeError
from schemas.wording import counted

DIFFERS: Final = 1
_SHOWN: Final = 12
"""Differences that are printed; all of them are in the JSON."""


def run_verify(home_option: str | None, what: str, run_prefix: str | None, as_json: bool) -> int:
    """Print whether a run is identical to its recomputation: 0 identical, 1 differs, 2 could not compare."""
    found = _verify(home_option, what, run_prefix)
    if as_json:
        print_json(asdict(found))
    else:
        _print(found)
    return {"identical": OK, "differs": DIFFERS, "not_compared": NOT_COMPUTED}[found.outcome]


def _verify(home_option: str | None, what: str, run_prefix: str | None) -> Verification:
    folder = given_path(what, "STUDY or FOLDER")
    if (folder / DELIVERY_NAME).is_file():
        if run_prefix is not None:
            raise RegradeError("a delivered folder holds one run", next_action="leave --run out")
        return verify_delivery(folder.resolve(), _dictionaries(home_option))
    if folder.is_dir() and len(folder.parts) != 1:
        return verify_delivery(folder.resolve(), None)  # which says that it is no delivery
    return verify_home_run(resolve_home(home_option), what, run_prefix)


def _dictionaries(home_option: str | None) -> Path | None:
    """Where a dictionary may lie that the delivery does not include; an installed copy may have no home."""
    home = home_if_any(home_option)
    return None if home is None else home.meddra


def _print(found: Verification) -> None:
    place = f"study {visible(found.study_id)}, run {visible(found.run_id[:SHORT])}"
    if found.outcome == "identical":
        print(
            f"identical: {place}: all {found.tables} tables recomputed from "
            f"{counted(found.inputs, 'input file')} are those that are stored"
        )
    elif found.outcome == "differs":
        print(f"differs: {place}")
    else:
        print(f"could not compare: {place}")
    for difference in found.differences[:_SHOWN]:
        print(f"  {visible(_sentence(difference))}")
    if len(found.differences) > _SHOWN:
        print(f"  and {len(found.differences) - _SHOWN} more; --json lists all")
    if found.reason is not None:
        lead = "why" if found.outcome == "not_compared" else "not recomputed"
        print(f"  {lead}: {visible(found.reason)}")
    if found.outcome == "differs":
        print("  Next: delete the run's folder and run the study again, or ask for the delivery again")
    for remark in found.remarks:
        print(f"  note: {visible(remark)}")


def _sentence(difference: Difference) -> str:
    place = [
        text
        for text in (
            difference.file or difference.table,
            None if difference.row is None else f"row {difference.row}",
            difference.key and f"({difference.key})",
            None if difference.column is None else f"column {difference.column}",
        )
        if text
    ]
    return f"{', '.join(place).replace(', (', ' (')}: {difference.what}"
