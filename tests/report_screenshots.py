"""Pictures of a report, light and dark, as a Chromium shows it: those of the README are of the demo's.

    python -m tests.report_screenshots REPORT.html [FOLDER]

Run it after a change of how a report looks, on the report that `regrade demo` ends with.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from tests.chromium import address_of, browse, find_chromium

FOLDER: Final = Path(__file__).parent.parent / "warehouse" / "demo" / "screenshots"
SHOTS: Final = {
    "headline": "section[data-chapter]",
    "flow": "section[data-chapter] figure[data-figure^=flow]",
    "course": "section[data-chapter] figure[data-figure^=daily]",
}
"""Name of a picture, and what stands at its top: the first element that the selector finds."""
WIDTH, HEIGHT = 1180, 860


def make_screenshots(report: Path, folder: Path) -> list[Path]:
    """The files written: each picture in light and in dark."""
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("no Chromium on the PATH and none named by CHROMIUM")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with browse(chromium) as tab:
        tab.size(WIDTH, HEIGHT)
        for scheme in ("light", "dark"):
            tab.prefer(scheme)
            tab.open(address_of(report))
            for name, selector in SHOTS.items():
                tab.run(f"document.querySelector('{selector}').scrollIntoView({{behavior: 'instant'}})")
                tab.run("new Promise(done => setTimeout(done, 300))")
                path = folder / f"{name}-{scheme}.png"
                path.write_bytes(tab.screenshot())
                written.append(path)
    return written


if __name__ == "__main__":
    for path in make_screenshots(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else FOLDER):
        print(f"{path.stat().st_size:>8}  {path}")
