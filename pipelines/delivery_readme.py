"""The README of a delivered folder: what is in it, how to verify it, what is not included.

What may live here: words. What may not: a clock, a path of this machine, anything about a subject.
"""

from __future__ import annotations

from typing import Final

from schemas.manifest import StudyManifest
from warehouse.run_store import StoredRun

_MAIN: Final = """# Study {study}, run {short}

One regrading of one study, with everything it was made of. ICANS grades are intervals: low and high are
the lowest and highest grade the record allows, point is the most defensible single grade, empty where
there is none.

| what | value |
|---|---|
| study | {study} |
| run | {run_id} |
| mapping release | {release} ({review}) |
| data cut | {cutoff} |
| program | version {version}, sources {sources} |
| input files | {inputs} |

For research and for the review of safety data by qualified people; no medical device. The folder holds
subject identifiers and what the source data hold: protect it as you protect them.

## What is here

| place | what |
|---|---|
| `landing/{study}/` | the manifest `study.yaml` and the {inputs} input files, as the run read them |
| `releases/` | the mapping release as data: every term and every grade decision |
{overlays}| `runs/{study}/{short}.../` | the run: `run.json` (what went in), one Parquet file per table |
| `tables/` | the result tables as CSV; empty field: null, two quotes: empty text |
{program}| `delivery.json` | size and sha256 of every file |

The folder is laid out as a data home. In a copy of it, `regrade publish --home COPY` builds the DuckDB
file from it and `regrade explain {study} SUBJECT --home COPY` tells a subject's story.

In a spreadsheet, import the CSV columns as text: cells are as the sponsor wrote them and may begin with `=`.

## How to verify

```
{command}
```

It checks every file against `delivery.json`, recomputes the run from its inputs and compares every table
cell by cell. It writes nothing. Exit code 0: identical. 1: something differs, and the first table, row and
column are named. 2: it could not be compared, and why; that is never the same as identical.

{program_note}{dictionary}"""

_PROGRAM_LINE: Final = (
    "| `program/` | the sources that made the run and `pyproject.toml` with the versions of its libraries |\n"
)
_OVERLAY_LINE: Final = "| `mappings/` | private mapping overlays of the study: {names} |\n"
_PROGRAM_NOTE: Final = """Any program with the same sources will do, or the one in here, on Python 3.11 or
newer:

```
python3 -m venv regrade-venv && regrade-venv/bin/pip install ./program && \\
  regrade-venv/bin/regrade verify .
```

"""
_NO_PROGRAM: Final = """The program is not included: other sources were installed when this folder was
written than made the run. Verify with version {version} of the program (sources {sources}).

"""
_NO_DICTIONARY: Final = """## Not included

Nothing: the study uses no licensed dictionary.
"""
_DICTIONARY: Final = """## Not included: MedDRA {meddra}

The study was graded with MedDRA {meddra}, which is licensed by the MSSO and **not in this folder**. To
verify, unpack your own copy of that version into `meddra/{meddra}/` of this folder, or of the data home named
with `--home`. Without it the answer is 2, could not compare. Everything else is here.
"""


def readme(run: StoredRun, manifest: StudyManifest, has_program: bool) -> str:
    """Markdown that says what the folder of this run is."""
    code = run.identity["code"]
    names = ", ".join(manifest.mapping_overlays)
    facts = {"version": code["version"], "sources": code["sha256"]}
    review = run.table("core_studies").row(0, named=True)["mapping_review_status"]
    return _MAIN.format(
        study=run.study_id,
        run_id=run.run_id,
        short=run.run_id[:12],
        release=run.release_id,
        review=review,
        cutoff=manifest.data_cutoff or "not given",
        inputs=len(run.identity["inputs"]),
        overlays=_OVERLAY_LINE.format(names=names) if names else "",
        program=_PROGRAM_LINE if has_program else "",
        program_note=_PROGRAM_NOTE if has_program else _NO_PROGRAM.format(**facts),
        dictionary=(
            _NO_DICTIONARY if manifest.meddra is None else _DICTIONARY.format(meddra=manifest.meddra)
        ),
        command="regrade verify .",
        **facts,
    )
