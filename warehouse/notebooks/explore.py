"""A marimo notebook that asks the published warehouse: read-only, a first question per topic.

What may live here: questions to the published file and how an answer is shown. What may not: writing, rules,
a result that no query gives. Open it with `marimo run warehouse/notebooks/explore.py`, or `marimo edit` on a
copy of it; as a script it runs every cell once.
"""
# mypy: ignore-errors
# ruff: noqa: PLC0415 - a cell imports what the notebook uses

import marimo

app = marimo.App(width="medium", app_title="ICANS warehouse")


@app.cell
def _():
    import marimo as mo

    from pipelines.home import resolve_home
    from warehouse.dictionary import read_entries
    from warehouse.reader import open_published

    return mo, open_published, read_entries, resolve_home


@app.cell
def _(mo, open_published, resolve_home):
    warehouse = open_published(resolve_home())  # read-only; no other file, no network

    def ask(query, *values):
        return warehouse.sql(query, params=list(values)).to_arrow_table()

    runs = ask("SELECT study_id, mapping_release_id, mapping_review_status FROM out_latest_runs")
    study = mo.ui.dropdown(runs["study_id"].to_pylist(), value=runs["study_id"][0].as_py(), label="Study")
    mo.vstack([mo.md("# ICANS warehouse"), runs, study])
    return ask, study


@app.cell
def _(ask, mo, study):
    incidence = ask(
        "SELECT estimate, threshold, subjects, denominator, percent, ci_low_percent, ci_high_percent "
        "FROM out_incidence WHERE study_id = ? AND is_primary_window ORDER BY ALL",
        study.value,
    )
    shift = ask(
        "SELECT comparator_set, source_grade, icans_point, subjects FROM out_grade_shift "
        "WHERE study_id = ? ORDER BY ALL",
        study.value,
    )
    days = ask("SELECT * FROM out_daily_prevalence WHERE study_id = ? ORDER BY day", study.value)
    mo.vstack(
        [
            mo.md("## How often\nlow and high bound what the record allows; point is one reading."),
            incidence,
            mo.md("## Shift\nA null point: no single grade is defensible."),
            shift,
            mo.md("## Day by day"),
            days,
        ]
    )


@app.cell
def _(mo, read_entries):
    entries = {entry.name: entry for entry in read_entries()}
    name = mo.ui.dropdown(list(entries), value="out_incidence", label="Table or view")
    name  # noqa: B018 - a cell shows its last expression
    return entries, name


@app.cell
def _(ask, entries, mo, name):
    entry = entries[name.value]
    answer = ask(entry.example)
    mo.vstack(
        [
            mo.md(f"## {entry.name}\n{entry.comment}\n\nBeware: {entry.beware}"),
            mo.md(f"```sql\n{entry.example}\n```"),
            answer,
        ]
    )


if __name__ == "__main__":
    app.run()
