"""The catalogue and its queries fit each other."""

from __future__ import annotations

from importlib.resources import files

import pytest

from pipelines.report.catalogue import PARAMETER, SECTIONS, fill_query, query_text, table_specs
from pipelines.report.catalogue_columns import LISTED

SPECS = {spec.table_id: spec for spec in table_specs()}


def test_every_query_is_of_a_table_and_every_table_but_one_has_one() -> None:
    folder = files("pipelines.report") / "queries"
    queries = {entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql")}
    assert queries == {name for name, spec in SPECS.items() if spec.has_query}
    assert set(SPECS) - queries == {"sensitivity_attribution"}


@pytest.mark.parametrize("table_id", [name for name, spec in SPECS.items() if spec.has_query])
def test_a_query_names_its_studies_its_order_and_its_limit(table_id: str) -> None:
    text = query_text(table_id)
    assert PARAMETER in text
    assert "ORDER BY" in text
    assert text.endswith(f"LIMIT {LISTED}") == SPECS[table_id].is_listing


def test_a_figure_is_drawn_from_a_table_of_its_section() -> None:
    for section in SECTIONS:
        assert {figure.table_id for figure in section.figures} <= {spec.table_id for spec in section.tables}


def test_rows_are_ranked_by_columns_of_the_table() -> None:
    for spec in SPECS.values():
        assert set(spec.ranked_by) <= {column.name for column in spec.columns}
        assert bool(spec.ranked_by) == any(column.kind == "id" for column in spec.columns)


def test_studies_are_filled_in_and_nothing_else() -> None:
    assert fill_query("x IN $studies", ["A-1", "B"]) == "x IN ('A-1', 'B')"
    with pytest.raises(ValueError, match="study identifier"):
        fill_query("x IN $studies", ["A'); DROP TABLE core_runs; --"])
