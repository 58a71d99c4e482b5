"""The files a run is made from: which bytes they have, and whether they were touched meanwhile.

What may live here: digests and stamps of the files a manifest names. What may not: what they hold
(`pipelines.ingest`), what a run id is made of (`pipelines.stages`).
"""

from __future__ import annotations

from pathlib import Path

from pipelines.ingest.study import locate_file
from schemas.errors import StoreError
from schemas.manifest import StudyManifest
from warehouse.disk import sha256_file


def hash_inputs(folder: Path, manifest: StudyManifest) -> list[dict[str, str]]:
    """Path and sha256 of every file the manifest names, in path order.

    Raises `ManifestError` for a file that is missing or lies outside the study folder, `StoreError`
    for one that cannot be read.
    """
    inputs = []
    for spec in sorted(manifest.files, key=lambda file: file.path):
        path = locate_file(folder, spec)
        try:
            inputs.append({"path": spec.path, "sha256": sha256_file(path)})
        except OSError as failure:
            raise StoreError(
                f"the file cannot be read ({failure.strerror})",
                file=str(path),
                next_action="make the file readable",
            ) from None
    return inputs


class InputWatch:
    """Sees whether the files of a study are those that were hashed, from now until they are read."""

    def __init__(self, folder: Path, manifest: StudyManifest, hashed: list[dict[str, str]]) -> None:
        self._folder, self._manifest, self._hashed = folder, manifest, hashed
        self._stamps = self._stamp()

    def require_unchanged(self) -> None:
        """Raises `StoreError` where a file is, or meanwhile was, another one than was hashed.

        Bytes alone would not show a file that was another for a while, stamps alone not what was done before.
        """
        if self._stamps == self._stamp() and self._hashed == hash_inputs(self._folder, self._manifest):
            return
        raise StoreError(
            "an input file changed while it was read",
            file=str(self._folder),
            next_action="run the study again when the files are complete",
        )

    def _stamp(self) -> list[tuple[int, ...]]:
        """What differs once a file, or a link to it, was touched or replaced, even by itself."""
        files = self._manifest.files
        listed = [self._folder / spec.path.replace("\\", "/") for spec in files]
        located = [locate_file(self._folder, spec) for spec in files]
        facts = [path.lstat() for path in (*listed, *located)]
        return [
            (each.st_dev, each.st_ino, each.st_size, each.st_mtime_ns, each.st_ctime_ns) for each in facts
        ]
