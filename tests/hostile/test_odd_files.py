"""Pipes, folders and links where a file of the mapping or a manifest should be: refused, never waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mappings import tsv
from mappings.overlay_file import read_overlay
from mappings.sheets import FILES
from pipelines.ingest.study import read_manifest
from schemas.errors import ManifestError, ReleaseError
from tests.hostile.fuzz import seeds


def make(path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path.parent / "nowhere")


@pytest.mark.parametrize("kind", ["pipe", "folder", "broken link"])
def test_a_manifest_that_is_no_file(tmp_path: Path, kind: str) -> None:
    (tmp_path / "ST-1").mkdir()
    make(tmp_path / "ST-1" / "study.yaml", kind)
    with pytest.raises(ManifestError, match=r"ST-1/study\.yaml|no manifest"):
        read_manifest(tmp_path / "ST-1")


@pytest.mark.parametrize("name", ["overlay.yaml", "terms.tsv"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "broken link"])
def test_a_file_of_an_overlay_that_is_none(tmp_path: Path, kind: str, name: str) -> None:
    folder = tmp_path / "acme"
    folder.mkdir()
    (folder / "overlay.yaml").write_text(seeds.OVERLAY)
    (folder / name).unlink(missing_ok=True)
    make(folder / name, kind)
    with pytest.raises(ReleaseError, match=f"acme/{name}.*no ordinary file"):
        read_overlay(folder)


def test_a_table_of_the_mapping_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tsv, "LARGEST_BYTES", 2**20)
    path = tmp_path / "terms.tsv"
    path.write_bytes(b"x" * (2**20 + 1))
    with pytest.raises(ReleaseError, match=r"terms\.tsv.*larger than 1 MiB"):
        tsv.read_tsv(path, FILES["terms.tsv"][1])
