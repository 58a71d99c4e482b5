"""What a user sees when something goes wrong: one message, an exit code, never a traceback.

What may live here: the translation of exceptions to messages and exit codes. What may not: recovery
from them.
"""

from __future__ import annotations

import difflib
import functools
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Final, ParamSpec

import typer

from pipelines.cli.output import say
from schemas.errors import RegradeError, shown

OK: Final = 0
FAILED: Final = 1
NOT_COMPUTED: Final = 2
INTERRUPTED: Final = 130

P = ParamSpec("P")


def guarded(command: Callable[P, int]) -> Callable[P, None]:
    """Make a command that returns an exit code one that leaves with it and never shows a traceback.

    With `REGRADE_DEBUG=1` in the environment the traceback of an unexpected error is printed too.
    """

    return _guarded(command, FAILED)


def comparing(command: Callable[P, int]) -> Callable[P, None]:
    """`guarded` for a command whose code 1 says that something differs: a failure is 2."""
    return _guarded(command, NOT_COMPUTED)


def _guarded(command: Callable[P, int], failed: int) -> Callable[P, None]:
    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        raise typer.Exit(_code(functools.partial(command, *args, **kwargs), failed))

    return run


def _code(command: Callable[[], int], failed: int) -> int:
    try:
        code = command()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        say("regrade: interrupted; published results and finished runs are as they were")
        return INTERRUPTED
    except (SystemExit, typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except BrokenPipeError:  # nobody reads any further, who need not be told
        return failed
    except RegradeError as failure:
        say(f"regrade: {failure}")
        return failed
    except BaseException as failure:  # a panic of a native library is a BaseException
        say(f"regrade: {describe(failure)}")
        return failed


def describe(failure: BaseException) -> str:
    """One line about any error: its own words if it is ours, else its type and how to see more.

    The words of an unexpected error may quote a cell of the data, so they are shown only with
    `REGRADE_DEBUG=1`, together with the traceback.
    """
    if isinstance(failure, RegradeError):
        return str(failure)
    if os.environ.get("REGRADE_DEBUG") == "1":
        traceback.print_exception(failure, file=sys.stderr)
    if isinstance(failure, OSError) and failure.strerror:
        where = f"{shown(str(failure.filename))}: " if failure.filename else ""
        return f"{where}{failure.strerror}. Next: check the path, its permissions and the free disk space"
    return (
        f"unexpected {type(failure).__name__}. Next: set REGRADE_DEBUG=1, run the command again and report "
        "the details (they may quote study data)"
    )


def nearest(word: str, known: Sequence[str]) -> str:
    """`, nearest: X` where a known word is close, else nothing; case does not count.

    >>> nearest("cdiscpilot1", ["CART-DEMO", "CDISCPILOT01"]), nearest("zzz", ["CART-DEMO"])
    (', nearest: CDISCPILOT01', '')
    """
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.5)
    return f", nearest: {folded[close[0]]}" if close else ""
