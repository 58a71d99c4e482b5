"""The short form of the fuzzing: a few dozen mutated files for each target, and texts that Hypothesis makes.

The oracle of each target is in `fuzz/targets.py`; the long form is `python -m tests.hostile.fuzz`.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.hostile.fuzz.mutate import mutated
from tests.hostile.fuzz.targets import BY_NAME, TARGETS, Target, attempt

SHORT = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
SLOW = {"staging": 4, "xlsx": 15, "release_yaml": 15, "manifest": 25}
CELLS = ("dates", "grades", "ages", "words", "assessments")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
LIKELY = st.text(st.sampled_from("0123456789-/:.,T ZUNKJAFEBYRSGRADEIV<>=()%\u2013\u00bd\u0660"), max_size=24)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_seed_is_read(target: Target, tmp_path: Path) -> None:
    """A target that refuses its seeds would test nothing but refusing."""
    assert all(attempt(target, content, tmp_path) for content in target.seeds())


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_mutated_files(target: Target, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, seeds = tmp_path_factory.mktemp("fuzz"), target.seeds()

    @settings(SHORT, max_examples=SLOW.get(target.name, 40))
    @given(number=st.integers(0, 2**32))
    def check(number: int) -> None:
        attempt(target, mutated(seeds, random.Random(number), target.packing), folder)

    check()


@pytest.mark.parametrize("name", CELLS)
def test_cells_of_any_text(name: str, tmp_path: Path) -> None:
    @settings(SHORT, max_examples=60)
    @given(lines=st.lists(TEXTS | LIKELY, min_size=1, max_size=8))
    @example(lines=["9" * 5_000, "1." + "0" * 5_000, "\u0661\u0662\u0663", "\u00bd", "1e9", "\u2168"])
    def check(lines: list[str]) -> None:
        BY_NAME[name].run("\n".join(lines).encode(), tmp_path)

    check()


@pytest.mark.parametrize("name", ["csv", "faers", "ndjson", "manifest", "release_table"])
def test_files_of_any_text(name: str, tmp_path: Path) -> None:
    target = BY_NAME[name]

    @settings(SHORT, max_examples=40)
    @given(text=st.lists(TEXTS | LIKELY | st.sampled_from(['"', ",", "$", "\r", "\0"]), max_size=20))
    def check(text: list[str]) -> None:
        attempt(target, "".join(text).encode() + b"\n" + target.seeds()[0], tmp_path)
        attempt(target, target.seeds()[0] + "\n".join(text).encode(), tmp_path)

    check()
