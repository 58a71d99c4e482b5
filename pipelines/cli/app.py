"""The commands and their options; each body is one call into a module beside this one.

What may live here: names, options and help texts. What may not: work of any kind, heavy imports
(`regrade --help` answers in a fraction of a second because only typer is loaded here).
"""

# ruff: noqa: PLC0415 - a command imports its module when it is called, for the sake of --help
from __future__ import annotations

import gc
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipelines.access import keep_private
from pipelines.cli.failures import FAILED, OK, comparing, guarded
from pipelines.cli.ledger import ReasonOption
from pipelines.cli.ledger import group as ledger_group
from pipelines.cli.mappings import group as mappings_group
from pipelines.cli.output import say
from pipelines.cli.paths import HomeOption, path_of
from pipelines.cli.streams import prepare_streams
from pipelines.memory import keep_pages
from schemas.errors import RegradeError

EPILOG = (
    "Exit codes: 0 the command did all it was asked; 1 a study failed or an input is wrong; 2 the command "
    "line is wrong; 130 interrupted. Commands that compare (diff, verify): 0 identical, 1 differs, "
    "2 could not compare. "
    "The data home is --home, else REGRADE_HOME, else warehouse/ of the checkout. "
    "REGRADE_DEBUG=1 shows the details of an unexpected error. "
    "Results are for research and safety review; no mapping release is clinically reviewed unless it says so."
)
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
RunOption = Annotated[
    str | None,
    typer.Option(
        "--run", metavar="ID", help="First digits of a run id; the study's current run when left out."
    ),
]
_YOUNG_OBJECTS = 50_000
"""New objects after which garbage is looked for. Frames need no collector, and the usual number, 700, is
passed five hundred times by the imports and queries of a small study: a twentieth of its time."""

_TURN_SECONDS = 0.0002
"""How long a thread keeps the interpreter when another one waits. The file is built in a thread, and DuckDB
asks for the interpreter several times a statement: with the usual 0.005, 700 statements beside a busy thread
take 17 s instead of 0.1; with this, 1.1, and nothing else takes longer."""


class Engine(StrEnum):
    """What executes the kernel."""

    LOCAL = "local"
    SPARK = "spark"


class ExportFormat(StrEnum):
    """Formats of `regrade export`."""

    PARQUET = "parquet"
    CSV = "csv"


app = typer.Typer(
    name="regrade",
    help="Regrade CTCAE neurotoxicity of legacy CAR-T trials to ICANS intervals.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line; leaves with an exit code of the package docstring."""
    prepare_streams()
    gc.set_threshold(_YOUNG_OBJECTS)
    sys.setswitchinterval(_TURN_SECONDS)
    keep_pages()
    try:
        app(prog_name="regrade")
    except RegradeError as failure:  # of what is printed without a command: help, version
        say(f"regrade: {failure}")
        sys.exit(FAILED)


def _version(asked: bool) -> None:
    if asked:
        from pipelines.cli.version import version_line

        typer.echo(version_line())
        raise typer.Exit(OK)


@app.callback()
def _root(
    version: Annotated[  # noqa: ARG001 - its callback has answered
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    keep_private()


@app.command(short_help="Run the shipped studies and show the result.")
@guarded
def demo(home: HomeOption = None, as_json: JsonOption = False) -> int:
    """Run the shipped studies and print what regrading changes.

    Into a fresh --home the shipped studies are copied first.
    """
    from pipelines.cli.demo import run_demo

    return run_demo(home, as_json)


@app.command(short_help="Write a study.yaml for a folder of tables.")
@guarded
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder with the study's tables.", parser=path_of)
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing study.yaml.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Look at a study's files and write a commented study.yaml that runs."""
    from pipelines.cli.initialise import run_init

    return run_init(folder, force, home, as_json)


@app.command(short_help="Regrade studies and publish them.")
@guarded
def run(
    studies: Annotated[
        list[str] | None,
        typer.Argument(metavar="STUDY", help="Studies to run; all in landing when left out."),
    ] = None,
    release: Annotated[
        str | None,
        typer.Option(
            "--release",
            metavar="ID",
            help="Mapping release to run under; the study's own when left out.",
        ),
    ] = None,
    reason: ReasonOption = None,
    engine: Annotated[
        Engine, typer.Option("--engine", help="What executes the kernel; the run is the same.")
    ] = Engine.LOCAL,
    master: Annotated[
        str | None, typer.Option("--master", metavar="URL", help="Spark master, e.g. local[2] or spark://...")
    ] = None,
    shards: Annotated[
        int | None,
        typer.Option(
            "--shards", min=1, metavar="N", help="Ranges of subjects on Spark; by size if left out."
        ),
    ] = None,
    shared: Annotated[
        Path | None,
        typer.Option(
            "--shared", metavar="FOLDER", help="Folder that Spark's driver and workers share.", parser=path_of
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Regrade studies and publish the DuckDB file; a study that fails stops no other.

    A run under another release than the study's own (its study.yaml's, else the newest) is published
    beside the current run and does not take its place.
    """
    from pipelines.cli.running import run_on_spark, run_studies

    if engine is Engine.SPARK:
        return run_on_spark(
            home,
            studies or [],
            as_json=as_json,
            release_id=release,
            reason=reason,
            master=master,
            shards=shards,
            shared=shared,
        )
    if (master, shards, shared) != (None, None, None):
        raise typer.BadParameter("--master, --shards and --shared belong to --engine spark")
    return run_studies(home, studies or [], as_json, release, reason)


@app.command(short_help="Regrade many studies at a time.")
@guarded
def backfill(
    studies: Annotated[
        list[str] | None,
        typer.Argument(metavar="STUDY", help="Studies to run; all in landing when left out."),
    ] = None,
    processes: Annotated[
        int, typer.Option("--processes", min=1, metavar="N", help="Studies at a time, each in a process.")
    ] = 2,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Regrade many studies in one Dagster run, several at a time, and publish once at the end.

    A study that fails stops no other. With --processes 1 they take turns in this process.
    """
    from pipelines.cli.backfilling import run_many

    return run_many(home, studies or [], processes, as_json)


@app.command(short_help="Bring the DuckDB file to the runs.")
@guarded
def publish(
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Verify every run and build the file whole, whatever is there.")
    ] = False,
    reason: ReasonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Bring the DuckDB file to the runs: the current one of every study, those under other releases."""
    from pipelines.cli.running import run_publish

    return run_publish(home, as_json, reason, rebuild=rebuild)


@app.command(short_help="Tell a subject's story, or one event's.")
@guarded
def explain(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="Study identifier.")],
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="Subject identifier.")],
    event: Annotated[
        str | None,
        typer.Argument(
            metavar="[EVENT]", help="Event identifier within the subject; the subject when left out."
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show a subject day by day, or how one adverse event became its ICANS interval, from the raw cell on."""
    from pipelines.cli.explain import run_explain
    from pipelines.cli.explain_subject import run_explain_subject

    if event is None:
        return run_explain_subject(home, study, subject, as_json)
    return run_explain(home, study, subject, event, as_json)


@app.command(short_help="Show runs, changed inputs, warehouse.")
@guarded
def status(home: HomeOption = None, as_json: JsonOption = False) -> int:
    """Show each study's current run, whether its inputs changed since, and the warehouse file."""
    from pipelines.cli.status import run_status

    return run_status(home, as_json)


@app.command(short_help="Query the DuckDB file, read-only.")
@guarded
def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="SQL, e.g. 'select * from out_grade_shift'.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> int:
    """Ask the published DuckDB file; read-only, and the query reaches no other file."""
    from pipelines.cli.query import run_query

    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    return run_query(home, query, as_json, as_csv)


@app.command(short_help="Copy the published tables.")
@guarded
def export(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="New folder for the files.", parser=path_of)
    ],
    style: Annotated[ExportFormat, typer.Option("--format", help="Format of the files.")] = (
        ExportFormat.PARQUET
    ),
    reason: ReasonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write every table of the DuckDB file as one Parquet or CSV file, in the order of its key."""
    from pipelines.cli.deliver import run_export

    return run_export(home, folder, style.value, as_json, reason)


@app.command(short_help="Write a run with all that made it.")
@guarded
def deliver(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="Study identifier.")],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="New folder for the delivery.", parser=path_of)
    ],
    run_id: RunOption = None,
    reason: ReasonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write a folder that holds a run and everything needed to recompute it.

    Inputs, manifest, mapping release, overlays, results, the program; never a licensed dictionary.
    """
    from pipelines.cli.deliver import run_deliver

    return run_deliver(home, study, folder, run_id, as_json, reason)


@app.command(short_help="Recompute a run and compare it.")
@comparing
def verify(
    what: Annotated[
        str, typer.Argument(metavar="FOLDER|STUDY", help="Delivered folder, or study identifier.")
    ],
    run_id: RunOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Recompute a delivered folder, or a run of the data home, and compare it with what is stored.

    Exit codes: 0 identical, 1 differs (table, row and column are named), 2 could not compare.
    """
    from pipelines.cli.verify import run_verify

    return run_verify(home, what, run_id, as_json)


@app.command(short_help="Write the report of studies.")
@comparing
def report(
    studies: Annotated[
        list[str] | None,
        typer.Argument(metavar="STUDY", help="Studies of the report; all published ones when left out."),
    ] = None,
    run_id: RunOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", help="Write page, text, JSON and figures there.", parser=path_of
        ),
    ] = None,
    show_ids: Annotated[
        bool, typer.Option("--show-ids", help="Name subjects by their ids; without it by pseudonyms.")
    ] = False,
    public: Annotated[
        bool, typer.Option("--public", help="Copy for the public: no listings, no dates, no small counts.")
    ] = False,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Render this report.json again; nothing else is read.",
            parser=path_of,
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Report what regrading changes, per study and pooled: print it as text, or write it into a folder.

    Exit codes: 0 the report was made, 2 it could not be made.
    """
    from pipelines.cli.reports import run_report

    return run_report(
        home, studies or [], run_id, source, out, show_ids=show_ids, public=public, as_json=as_json
    )


@app.command(short_help="Compare two runs of a study.")
@comparing
def diff(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="Study identifier.")],
    run_a: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN_A]", help="First digits of a run id; the run before the current one when left out."
        ),
    ] = None,
    run_b: Annotated[
        str | None,
        typer.Argument(metavar="[RUN_B]", help="First digits of a run id; the current run when left out."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", help="Write the report and the rows that differ there.", parser=path_of
        ),
    ] = None,
    show_ids: Annotated[
        bool, typer.Option("--show-ids", help="Name subjects by their ids; without it nobody is named.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Compare two runs row by row, with the cause of each difference: data, manifest, release or code.

    Exit codes: 0 identical, 1 differs, 2 could not compare.
    """
    from pipelines.cli.differences import run_diff

    return run_diff(home, study, run_a, run_b, out, show_ids=show_ids, as_json=as_json)


@app.command(short_help="Open the Dagster web interface.")
@guarded
def ui(
    home: HomeOption = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port on 127.0.0.1.")] = 3000,
) -> int:
    """Open the Dagster web interface on this machine only."""
    from pipelines.cli.serve import run_ui

    return run_ui(home, port)


app.add_typer(ledger_group, short_help="Show who did what when, and prove it.")
app.add_typer(mappings_group, short_help="Check, compare and preview mapping releases.")
