"""`regrade mappings`: the commands about mapping releases and their options.

What may live here: names, options and help texts, each body one call. What may not: work of any kind,
heavy imports (as in `pipelines.cli.app`).
"""

# ruff: noqa: PLC0415 - a command imports its module when it is called, for the sake of --help
from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.failures import comparing, guarded
from pipelines.cli.paths import HomeOption, path_of

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output", metavar="FILE", help="Write to this file instead of the terminal.", parser=path_of
    ),
]
RELEASE_HELP = "Id of a shipped release, or the folder of one."


class ReportFormat(StrEnum):
    """How a preview is rendered."""

    text = "text"
    json = "json"
    html = "html"
    xlsx = "xlsx"


class ExportFormat(StrEnum):
    """Formats of others."""

    sssom = "sssom"
    fhir = "fhir"


group = typer.Typer(
    name="mappings",
    help="Look at, check, compare and preview mapping releases.",
    epilog="RELEASE is the id of a shipped release (1.0.0) or the folder of one (drafts/1.2.0).",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@group.command("list", short_help="Show the releases.")
@guarded
def list_releases(as_json: JsonOption = False) -> int:
    """Show the shipped releases, their review status and size, and which one is used by default.

    Exit codes: 0 all can be used; 1 one of them cannot be read.
    """
    from pipelines.cli.mappings_check import run_list

    return run_list(as_json)


@group.command(short_help="Check releases: lock, form, content.")
@guarded
def check(
    releases: Annotated[
        list[str] | None,
        typer.Argument(metavar="RELEASE", help="Releases or overlay folders; all shipped when left out."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="RELEASE", help="Release that overlays are checked on; the default."),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Say everything that is wrong with releases: file, line, reason and what to do about it.

    Tells apart what was edited, is missing, is extra, was tampered with, is outdated, is not in the exact
    form and breaks a rule. A folder with an overlay.yaml is checked as a private overlay.
    Exit codes: 0 clean; 1 problems.
    """
    from pipelines.cli.mappings_check import run_check

    return run_check(releases or [], base, as_json)


@group.command(short_help="Bring a release into canonical form.")
@guarded
def lint(
    releases: Annotated[
        list[str] | None, typer.Argument(metavar="RELEASE", help="Releases; all shipped when left out.")
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Write the canonical form, checksums, index.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Say what is not in canonical form (order, blanks, line ends, checksums); --fix puts it right.

    No decision is ever changed, and a published release is not touched. Exit codes: 0 clean, or fixed with
    nothing left; 1 something to fix or to decide.
    """
    from pipelines.cli.mappings_check import run_lint

    return run_lint(releases or [], fix, as_json)


@group.command(short_help="Compare two releases row by row.")
@comparing
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help=RELEASE_HELP)],
    new: Annotated[str, typer.Argument(metavar="NEW", help=RELEASE_HELP)],
    as_json: JsonOption = False,
) -> int:
    """Show what differs between two releases, and whether that makes the new one MAJOR, MINOR or PATCH.

    Exit codes: 0 identical; 1 they differ; 2 could not compare.
    """
    from pipelines.cli.mappings_compare import run_diff

    return run_diff(old, new, as_json)


@group.command(short_help="See what a release would change in the studies.")
@comparing
def preview(
    draft: Annotated[str, typer.Argument(metavar="DRAFT", help=RELEASE_HELP)],
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="RELEASE", help="Release to compare with; the draft's parent."),
    ] = None,
    style: Annotated[ReportFormat, typer.Option("--format", help="How to render.")] = ReportFormat.text,
    output: OutputOption = None,
    subject_ids: Annotated[
        bool, typer.Option("--subject-ids", help="Name subjects by their id, not by a number.")
    ] = False,
    home: HomeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> int:
    """Grade the current run of every study under both releases and show who changes, where and why.

    Nothing is regraded and nothing is stored. Exit codes: 0 no result changes; 1 some do; 2 could not
    compute (some study, or all).
    """
    from pipelines.cli.mappings_compare import run_preview

    chosen = ReportFormat.json if as_json else style
    if chosen is ReportFormat.xlsx and output is None:
        raise typer.BadParameter("a workbook needs --output FILE")
    return run_preview(home, draft, against, chosen.value, output, subject_ids)


@group.command("work-list", short_help="Terms that nobody has decided.")
@guarded
def work_list(
    output: OutputOption = None,
    read_back: Annotated[
        Path | None,
        typer.Option(
            "--read-back",
            metavar="FILE",
            help="Make a draft release of a filled-in work list.",
            parser=path_of,
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="RELEASE", help="Release to add to; the default one when left out."),
    ] = None,
    into: Annotated[
        Path,
        typer.Option("--into", metavar="FOLDER", help="Where --read-back puts the draft.", parser=path_of),
    ] = Path(),
    new_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="Id of the draft; the next minor version when left out."),
    ] = None,
    date: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="Day of the decisions; today when left out."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the undecided terms of all studies with the nearest known ones, to be filled in and read back.

    --output FILE writes the form (.xlsx, else tab-separated). A suggestion decides nothing: a term counts
    once a person has filled in its line. Exit codes: 0 done; 1 the list cannot be made, or a filled-in line
    is wrong (then nothing is written).
    """
    from pipelines.cli.mappings_terms import run_read_back, run_work_list

    if read_back is None:
        return run_work_list(home, base, output, as_json)
    return run_read_back(read_back, base, into, new_id, (date or datetime.now()).date(), as_json)


@group.command(short_help="Write a release as SSSOM or FHIR.")
@guarded
def export(
    release: Annotated[
        str | None, typer.Argument(metavar="RELEASE", help=f"{RELEASE_HELP} The default one when left out.")
    ] = None,
    style: Annotated[ExportFormat, typer.Option("--format", help="Format.")] = ExportFormat.sssom,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="PATH",
            help="Folder for SSSOM files, file for a FHIR ConceptMap.",
            parser=path_of,
        ),
    ] = None,
) -> int:
    """Write a release for the tools of others: SSSOM/TSV mapping sets or one FHIR R5 ConceptMap (JSON).

    Exit codes: 0 written; 1 the release or the place is wrong.
    """
    from pipelines.cli.mappings_terms import run_export

    return run_export(release, style.value, output)
