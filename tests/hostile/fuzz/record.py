"""What a stretch of fuzzing did, and the cases it found. Nothing here knows what is fuzzed."""

from __future__ import annotations

import hashlib
import json
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path

REGRESSIONS = Path(__file__).parents[1] / "regressions"
LARGEST_KEPT = 64 * 1024


@dataclass
class Record:
    """Counts of one target. `failures`: what went wrong -> name of the case, once for each place and kind."""

    target: str
    attempts: int = 0
    accepted: int = 0
    guided: int = 0
    slowest: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)

    def fail(self, what: str, content: bytes) -> None:
        """Keep a case, the first time this went wrong."""
        if what not in self.failures:
            self.failures[what] = keep_case(self.target, content)

    def add(self, other: Record) -> None:
        """Take over what another stretch of the same target did."""
        self.attempts += other.attempts
        self.accepted += other.accepted
        self.guided += other.guided
        self.slowest = max(self.slowest, other.slowest)
        for what, case in other.failures.items():
            self.failures.setdefault(what, case)

    def write(self, path: Path) -> None:
        """Write for `read`."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Record:
        """What `write` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def describe(failure: BaseException) -> str:
    """Kind and place of a failure, without values, so that one defect is counted once."""
    frames = traceback.extract_tb(failure.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    place = f"{Path(ours[-1].filename).name}:{ours[-1].name}" if ours else "?"
    words = str(failure)[:60] if isinstance(failure, AssertionError) else ""
    return f"{type(failure).__name__} in {place} {words}".strip()


def keep_case(target: str, content: bytes) -> str:
    """Save a case among the regressions, where a test replays it; a large one is cut and may not repeat."""
    name = f"{target}-{hashlib.sha256(content).hexdigest()[:12]}.bin"
    REGRESSIONS.mkdir(exist_ok=True)
    (REGRESSIONS / name).write_bytes(content[:LARGEST_KEPT])
    return name
