"""`regrade ledger`: the commands about the audit ledger and their options.

What may live here: names, options and help texts, each body one call. What may not: work of any kind,
heavy imports (as in `pipelines.cli.app`).
"""

# ruff: noqa: PLC0415 - a command imports its module when it is called, for the sake of --help
from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.failures import comparing, guarded
from pipelines.cli.paths import HomeOption

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
ReasonOption = Annotated[
    str | None,
    typer.Option(
        "--reason",
        metavar="TEXT",
        help="Why, for the ledger (else REGRADE_REASON); never name a subject.",
    ),
]

group = typer.Typer(
    name="ledger",
    help="Show who did what when and why, and prove that nobody changed it.",
    epilog=(
        "Every entry holds the hash of the one before. Who is REGRADE_ACTOR, else the system's user name. "
        "Keep the hash of the last entry elsewhere: `regrade ledger check --head HASH` then also finds a "
        "ledger that was rewritten as a whole."
    ),
    rich_markup_mode=None,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@group.callback()
def show(
    context: typer.Context,
    last: Annotated[
        int | None, typer.Option("--last", min=1, metavar="N", help="Only the last N entries.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who did what when and why, oldest first; `check` proves that nobody changed it."""
    if context.invoked_subcommand is None:
        _show(home, last, as_json)


@guarded
def _show(home: str | None, last: int | None, as_json: bool) -> int:
    from pipelines.cli.ledger_show import run_show

    return run_show(home, last, as_json)


@group.command(short_help="Prove that nothing was changed.")
@comparing
def check(
    head: Annotated[
        str | None,
        typer.Option("--head", metavar="HASH", help="Hash of an entry, noted elsewhere, that must be there."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Recompute the chain and name every line that was altered, removed, inserted or moved.

    Exit codes: 0 intact, 1 broken, 2 the ledger cannot be read.
    """
    from pipelines.cli.ledger_show import run_check

    return run_check(home, head, as_json)


@group.command(short_help="Correct an entry by a new one.")
@guarded
def correct(
    entry: Annotated[int, typer.Argument(metavar="ENTRY", min=1, help="Number of the entry.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="What is right instead; never name a subject.")
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Append an entry that corrects an earlier one; the earlier one stays as it is."""
    from pipelines.cli.ledger_show import run_correct

    return run_correct(home, entry, reason, as_json)
