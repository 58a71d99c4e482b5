"""Coverage-guided fuzzing of the targets that are Python, with atheris (the extra `fuzz`).

One process per target: libFuzzer draws the cases from what earlier ones covered. A failure is kept and the
search goes on; a hang or too much memory ends the process, with the case in its folder.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

SECONDS_PER_FILE = 20
LARGEST_CASE = 8_192


def fuzz(name: str, runs: int, seed: int, folder: Path) -> None:
    """Run so many cases of a target and write the record; does not return."""
    import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415

    with atheris.instrument_imports(
        include=["pipelines.ingest", "mappings", "schemas"], enable_loader_override=False
    ):
        from tests.hostile.fuzz.record import Record, describe  # noqa: PLC0415
        from tests.hostile.fuzz.targets import BY_NAME, attempt  # noqa: PLC0415

    target, record = BY_NAME[name], Record(name)
    corpus, place = folder / "corpus", folder / "files"
    for each in (corpus, place):
        each.mkdir(exist_ok=True)
    for number, content in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(content)

    def one(content: bytes) -> None:
        begin = time.perf_counter()
        try:
            record.accepted += attempt(target, content, place)
        except Exception as failure:
            record.fail(describe(failure), content)
        record.slowest = max(record.slowest, time.perf_counter() - begin)
        record.attempts += 1
        record.guided += 1
        if record.attempts % 200 == 0 or record.attempts >= runs:
            record.write(folder / "record.json")

    options: list[Any] = [
        *(sys.argv[0], str(corpus), f"-runs={runs}", f"-seed={seed or 1}", f"-max_len={LARGEST_CASE}"),
        *(f"-timeout={SECONDS_PER_FILE}", "-rss_limit_mb=4096", f"-artifact_prefix={folder}/found-"),
        *("-verbosity=0", "-print_final_stats=0"),
    ]
    atheris.Setup(options, one)
    atheris.Fuzz()


def main() -> None:
    """Command line of `__main__`'s helper."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    fuzz(options.target, options.runs, options.seed, options.folder)


if __name__ == "__main__":
    main()
