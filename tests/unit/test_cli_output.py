"""What the command line prints: no escape reaches a terminal, every format keeps every value."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import date
from typing import Any

import pytest
import typer

from pipelines.cli.failures import describe, guarded, nearest
from pipelines.cli.output import (
    json_value,
    print_csv,
    print_json,
    print_paragraph,
    print_table,
    progress,
    records,
    visible,
)
from schemas.errors import RegradeError

ESCAPE = "a\x1b[31mb\x9b2Jc\x07d\u202ee\x7f"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_visible_replaces_every_control_character() -> None:
    shown = visible(ESCAPE)
    assert shown.isprintable()
    assert len(shown) == len(ESCAPE)
    assert visible("two\nlines\tand tab") == "two lines and tab"
    assert visible("caf\u00e9 \u65e5\u672c") == "caf\u00e9 \u65e5\u672c"
    assert [visible(value) for value in (None, True, False, 0)] == ["-", "yes", "no", "0"]


def test_a_piped_table_is_aligned_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("study", "n"), [("A", 5), ("LONGER", 12), ("\x1b[2J", None)])
    assert capsys.readouterr().out.splitlines() == [
        "study    n",
        "A        5",
        "LONGER  12",
        "\ufffd[2J     -",
    ]


def test_a_table_on_a_terminal_takes_text_literally(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    print_table(("term",), [("[bold]x[/bold] :warning:",), (ESCAPE,)])
    shown = terminal.getvalue()
    assert "[bold]x[/bold] :warning:" in shown
    assert "[31m" in shown
    assert "\x1b[31mb" not in shown
    assert "\x9b" not in shown


def test_a_terminal_too_narrow_for_the_columns_shows_records(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "60")
    names = [f"column_{number}" for number in range(9)]
    print_table(names, [[f"value {number}" for number in range(9)]] * 2)
    lines = terminal.getvalue().splitlines()
    assert len(lines) == 2 * (1 + len(names))
    assert lines[1] == "column_0  value 0"


def test_a_paragraph_wraps_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    print_paragraph("word " * 40)
    assert capsys.readouterr().out.count("\n") == 1
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "60")
    print_paragraph("word " * 40)
    assert max(map(len, terminal.getvalue().splitlines())) <= 60


def test_json_is_ascii_and_holds_every_type(capsys: pytest.CaptureFixture[str]) -> None:
    value = {
        "text": ESCAPE,
        "day": date(2017, 3, 1),
        "nan": float("nan"),
        "raw": b"\x00\xff",
        "list": (1, None),
    }
    print_json(value)
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out) == {
        "text": ESCAPE,
        "day": "2017-03-01",
        "nan": None,
        "raw": "00ff",
        "list": [1, None],
    }
    assert json_value({1: {2.5}}) == {"1": "{2.5}"}


def test_csv_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    print_csv(("a", "b"), [('say "hi", you', None), (ESCAPE, 2)])
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows[:2] == [["a", "b"], ['say "hi", you', ""]]
    assert "\x1b" not in rows[2][0]


def test_repeated_columns_keep_their_values() -> None:
    assert records(("a", "a", "a_1"), [(1, 2, 3)]) == [{"a": 1, "a_1": 2, "a_1_1": 3}]


def test_no_progress_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(3) as (show, advance):
        show("x")
        advance()
    assert capsys.readouterr() == ("", "")


def test_a_progress_bar_on_a_terminal_goes_to_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, out = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(sys, "stdout", out)
    with progress(2) as (show, advance):
        show("STUDY: [raw]\x1b[2J")
        advance()
    assert "1/2" in terminal.getvalue()
    assert "\x1b[2J" not in terminal.getvalue()
    assert out.getvalue() == ""


class Panic(BaseException):
    """What a native library raises."""


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (RegradeError("bad", file="a.csv", next_action="mend it"), "regrade: a.csv: bad. Next: mend it"),
        (ValueError("a secret cell"), "unexpected ValueError. Next: set REGRADE_DEBUG=1"),
        (Panic("a secret cell"), "unexpected Panic."),
        (PermissionError(13, "Permission denied", "x.csv"), "x.csv: Permission denied. Next:"),
    ],
)
def test_failures_are_one_message_and_code_1(
    failure: BaseException, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REGRADE_DEBUG", raising=False)
    assert code_of(failure) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.count("\n") == 1
    assert "secret" not in err


def test_debug_shows_the_traceback_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGRADE_DEBUG", "1")
    assert code_of(ValueError("details")) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_has_a_code_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(KeyboardInterrupt()) == 130
    assert "interrupted" in capsys.readouterr().err


def test_nearest_and_describe() -> None:
    assert nearest("cart_demo", ["CART-DEMO", "X"]) == ", nearest: CART-DEMO"
    assert nearest("zzz", ["CART-DEMO"]) == ""
    assert describe(RegradeError("w", next_action="n")) == "w. Next: n"


def code_of(failure: BaseException) -> int:
    @guarded
    def command() -> int:
        raise failure

    run: Any = command
    with pytest.raises(typer.Exit) as leaving:
        run()
    return leaving.value.exit_code
