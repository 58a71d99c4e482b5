"""An impact preview as one HTML file that asks nothing of any network.

What may live here: rendering the template. What may not: content or wording of its own. Everything a
study or a release wrote is escaped; the page forbids itself scripts and requests.
"""

from __future__ import annotations

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.report.impact_model import ImpactReport
from pipelines.report.impact_text import interval, threshold_name, verdict
from schemas.wording import counted

MOST_ROWS = 500
"""Rows of a table that a page shows; the JSON and the spreadsheet hold all."""


def render_impact_html(report: ImpactReport) -> str:
    """The report as a self-contained page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cells"] = lambda cells: json.dumps(cells, ensure_ascii=False) if cells else ""
    return environment.get_template("impact.html.j2").render(
        report=report,
        counted=counted,
        verdict=verdict(report),
        interval=interval,
        threshold_name=threshold_name,
        most=MOST_ROWS,
        points=[None, 0, 1, 2, 3, 4, 5],
    )
