"""One process that runs mutated files of one target, with limits on memory and on the time of each file.

A case that ends the process stays in `case.bin`; the process that started this one keeps it and goes on.
"""

from __future__ import annotations

import argparse
import random
import signal
import time
from pathlib import Path

from pipelines.ingest.readers.child import restrict
from pipelines.ingest.readers.limits import BASE_MEMORY, GIB
from tests.hostile.fuzz.mutate import mutated
from tests.hostile.fuzz.record import Record, describe
from tests.hostile.fuzz.targets import BY_NAME, attempt

SECONDS_PER_FILE = 20


def run(name: str, first: int, last: int, seed: int, folder: Path) -> Record:
    """Run cases `first` to `last` - 1; each is drawn from its number alone."""
    target, record = BY_NAME[name], Record(name)
    seeds, place = target.seeds(), folder / "files"
    place.mkdir(exist_ok=True)
    for number in range(first, last):
        content = mutated(seeds, random.Random(f"{seed}:{name}:{number}"), target.packing)
        (folder / "case.bin").write_bytes(content)
        (folder / "number").write_text(str(number))
        begin = time.perf_counter()
        signal.alarm(SECONDS_PER_FILE)
        try:
            record.accepted += attempt(target, content, place)
        except Exception as failure:
            record.fail(describe(failure), content)
        except BaseException as failure:
            if type(failure).__name__ != "PanicException":
                raise
            record.fail(describe(failure), content)
        signal.alarm(0)
        record.slowest = max(record.slowest, time.perf_counter() - begin)
        record.attempts += 1
        if record.attempts % 200 == 0:
            record.write(folder / "record.json")
    record.write(folder / "record.json")
    return record


def main() -> None:
    """Command line of `__main__`'s helper."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("folder", type=Path)
    for name in ("first", "last", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    restrict(BASE_MEMORY + GIB, 24 * 3600, 4 * GIB)
    run(options.target, options.first, options.last, options.seed, options.folder)


if __name__ == "__main__":
    main()
