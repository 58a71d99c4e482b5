"""A flipped bit in a run folder is named by every command that reads the file, and never served."""

from __future__ import annotations

import pytest

from tests.robustness.flipped_bits import ENDS, READERS, Sound, faults, make_sound

FILES = (
    "run.json",
    "raw_files.parquet",
    "staged_adverse_events.parquet",
    "core_adverse_events.parquet",
    "core_event_grades.parquet",
    "core_unmapped_terms.parquet",
    "diff_scale_events.parquet",
    "map_grades.parquet",
)
"""One of each stage, and those that most commands read; the long form takes every file."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    return make_sound(tmp_path_factory.mktemp("flipped"))


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_named_or_not_read(name: str, sound: Sound) -> None:
    """The places of the bits take turns, so that each command meets each place."""
    files = [sound.current.folder / file for file in FILES] + [
        sound.other.folder / file for file in FILES[::4]
    ]
    found = {
        f"{path.parent.name[:8]} {path.name}": wrong
        for at, path in enumerate(files)
        if (wrong := faults(sound, name, path, ENDS[at % 3]))
    }
    assert found == {}
