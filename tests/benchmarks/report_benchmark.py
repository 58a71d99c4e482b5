"""How long the report of a large study takes beside its regrade, on the demo study repeated.

    python tests/benchmarks/report_benchmark.py --copies 1422

Every table of CART-DEMO is repeated under other subject numbers (1,422 copies are 1,000,000 event rows), the
study is run and published, then its report is written with figures. Prints seconds of both.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.ingest.study import read_manifest
from schemas.manifest import StudyManifest
from warehouse.demo import layout

STUDY = "CART-DEMO"
SUBJECT = "SUBJECT_NO"


def repeat_study(source: Path, folder: Path, manifest: StudyManifest, copies: int) -> None:
    """Every file of the study, its rows repeated with a number before the subject."""
    for spec in manifest.files:
        text = (source / spec.path).read_bytes().decode(spec.encoding)
        head, *rows = [line for line in text.splitlines() if line.strip()]
        delimiter = spec.delimiter or ","
        place = head.split(delimiter).index(SUBJECT)
        lines = [head]
        for copy in range(copies):
            for row in rows:
                cells = row.split(delimiter)
                if len(cells) > place and cells[place].strip():
                    cells[place] = f"{copy:04d}-{cells[place].strip()}"
                lines.append(delimiter.join(cells))
        (folder / spec.path).write_bytes(("\n".join(lines) + "\n").encode(spec.encoding))
    (folder / "study.yaml").write_bytes((source / "study.yaml").read_bytes())


def timed(*words: str) -> float:
    """Seconds of a command, which must succeed."""
    start = time.perf_counter()
    done = CliRunner().invoke(app, list(words))
    if done.exit_code:
        raise SystemExit(done.output)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--copies", type=int, default=142)
    copies = parser.parse_args().copies
    source = Path(layout.__file__).resolve().parents[1] / "landing" / STUDY
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "landing" / STUDY
        folder.mkdir(parents=True)
        repeat_study(source, folder, read_manifest(source), copies)
        regrade = timed("run", STUDY, "--home", name)
        report = timed("report", STUDY, "--home", name, "--out", str(Path(name) / "report"))
    print(f"{copies} copies: regrade {regrade:.0f} s, report {report:.0f} s, ratio {report / regrade:.2f}")


if __name__ == "__main__":
    main()
