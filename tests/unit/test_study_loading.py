"""The study folder: a manifest that is plain YAML, and data files that are inside the folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from pipelines.ingest.raw import file_sha256
from pipelines.ingest.study import read_manifest, read_study
from schemas.errors import ManifestError, RegradeError, UnreadableFileError

MANIFEST = """\
study: ST-1
files:
  - {path: ae.csv, role: adverse_events}
  - {path: sub/dm.txt, role: subjects, delimiter: "\\t"}
grading: {scale: ctcae, version: "4.03"}
infusions: {source: none}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "ST-1"
    (folder / "sub").mkdir(parents=True)
    (folder / "study.yaml").write_text(MANIFEST)
    (folder / "ae.csv").write_text("USUBJID,AETERM\n1,Headache\n")
    (folder / "sub" / "dm.txt").write_text("USUBJID\tAGE\n1\t50\n")
    return folder


def manifest_error(folder: Path, text: str | bytes | None = None) -> ManifestError:
    if text is not None:
        (folder / "study.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ManifestError) as caught:
        read_study(folder, read_manifest(folder))
    assert caught.value.next_action
    return caught.value


def test_a_study_is_read_in_the_order_of_its_manifest(folder: Path) -> None:
    study = read_study(folder, read_manifest(folder))
    assert study.manifest.study == "ST-1"
    assert [table.spec.path for table in study.tables] == ["ae.csv", "sub/dm.txt"]
    assert study.tables[1].frame.row(0) == (1, "1", "50")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (MANIFEST + "study: ST-1\n", "duplicate key"),
        (MANIFEST.replace("study: ST-1", "study: &a ST-1"), "anchors and aliases"),
        (MANIFEST + "title: *a\n", "anchors and aliases"),
        (MANIFEST.replace("study: ST-1", "study: !!python/name:os.system ST-1"), "tags"),
        (MANIFEST + "---\nstudy: ST-1\n", "more than one document"),
        (MANIFEST + "title: " + "[" * 60 + "]" * 60 + "\n", "nested deeper than 20"),
        (MANIFEST + "title: " + "[" * 5_000, "nested deeper than 20"),
        (MANIFEST + "title: [\n", "not valid YAML"),
        (MANIFEST + "\ttitle: x\n", "not valid YAML"),
        (MANIFEST + "title: \x01\n", "not valid YAML"),
        ("", "not a list of keys"),
        ("- a\n", "not a list of keys"),
        ("1: 2\n", "not a list of keys"),
        (MANIFEST + "#" * 300_000, "larger than 256 KiB"),
        (MANIFEST.encode() + b"title: caf\xe9\n", "is not UTF-8"),
        (MANIFEST + "titel: x\n", "nearest valid: title"),
        (MANIFEST.replace("study: ST-1", "study: ST-2"), "the folder is named ST-1"),
        (MANIFEST.replace("ae.csv", "../ae.csv"), "inside the study folder"),
    ],
)
def test_manifests_that_are_refused(folder: Path, text: str | bytes, says: str) -> None:
    error = manifest_error(folder, text)
    assert says in str(error)
    assert "ST-1/study.yaml" in str(error)


def test_yaml_errors_name_the_line(folder: Path) -> None:
    assert "line 7" in str(manifest_error(folder, MANIFEST + "study: ST-1\n"))


@pytest.mark.parametrize(
    "line",
    [
        "data_cutoff: 2017-02-31\n",
        "windows: {primary_days: " + "9" * 5_000 + "}\n",
        "title: \x1b\n",
    ],
)
def test_values_the_library_cannot_turn_into_ours_name_their_line(folder: Path, line: str) -> None:
    error = manifest_error(folder, MANIFEST + line + "product: X\n")
    assert "ST-1/study.yaml, line 7: this is not valid YAML" in str(error)


def test_a_folder_without_manifest_or_no_folder(folder: Path) -> None:
    (folder / "study.yaml").unlink()
    assert "regrade init" in manifest_error(folder).next_action
    with pytest.raises(ManifestError, match="no such study folder"):
        read_manifest(folder.parent / "NONE")


def test_a_missing_file_names_itself_the_manifest_and_the_nearest(folder: Path) -> None:
    (folder / "ae.csv").rename(folder / "AE.CSV")
    error = manifest_error(folder)
    assert (error.file, error.rule_id) == ("ae.csv", "READ-FILE-MISSING")
    assert "ST-1/study.yaml" in str(error)
    assert "AE.CSV" in error.next_action


def test_missing_files_are_found_before_anything_is_read(folder: Path) -> None:
    (folder / "ae.csv").write_bytes(b"")
    (folder / "sub" / "dm.txt").unlink()
    assert manifest_error(folder).file == "sub/dm.txt"


def test_links_that_leave_the_folder_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("A\n1\n")
    (folder / "ae.csv").unlink()
    (folder / "ae.csv").symlink_to(tmp_path / "secret.csv")
    assert manifest_error(folder).rule_id == "READ-FILE-OUTSIDE"
    (folder / "ae.csv").unlink()
    (folder / "ae.csv").symlink_to(folder / "ae.csv")
    assert manifest_error(folder).rule_id == "READ-FILE-MISSING"


def test_a_linked_folder_is_refused_and_a_link_inside_is_not(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "dm.txt").write_text("USUBJID\tAGE\n1\t50\n")
    (folder / "sub" / "dm.txt").unlink()
    (folder / "sub").rmdir()
    (folder / "sub").symlink_to(tmp_path / "elsewhere")
    assert manifest_error(folder).rule_id == "READ-FILE-OUTSIDE"
    (folder / "sub").unlink()
    (folder / "real").mkdir()
    (folder / "real" / "dm.txt").write_text("USUBJID\tAGE\n1\t50\n")
    (folder / "sub").symlink_to(folder / "real")
    assert len(read_study(folder, read_manifest(folder)).tables) == 2


def test_the_study_folder_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.rename(tmp_path / "elsewhere" / "v7")
    folder.symlink_to(tmp_path / "elsewhere" / "v7")
    assert len(read_study(folder, read_manifest(folder)).tables) == 2


def test_a_linked_manifest_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "study.yaml").rename(tmp_path / "study.yaml")
    (folder / "study.yaml").symlink_to(tmp_path / "study.yaml")
    assert "outside the study folder" in str(manifest_error(folder))


def test_folders_and_pipes_are_no_data_files(folder: Path) -> None:
    (folder / "ae.csv").unlink()
    (folder / "ae.csv").mkdir()
    assert manifest_error(folder).rule_id == "READ-FILE-KIND"
    (folder / "ae.csv").rmdir()
    os.mkfifo(folder / "ae.csv")
    assert manifest_error(folder).rule_id == "READ-FILE-KIND"


def test_an_unusable_file_is_named_as_the_manifest_does(folder: Path) -> None:
    (folder / "sub" / "dm.txt").write_bytes(b"")
    with pytest.raises(UnreadableFileError) as caught:
        read_study(folder, read_manifest(folder))
    assert isinstance(caught.value, RegradeError)
    assert caught.value.file == "sub/dm.txt"
    assert str(folder) not in str(caught.value)


def test_file_sha256(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert file_sha256(tmp_path / "x") == hashlib.sha256(b"abc").hexdigest()
