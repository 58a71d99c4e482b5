"""What `regrade explain` shares: finding the run, reading rows of it, naming codes, printing sections.

What may live here: look-ups and the layout of nested facts. What may not: anything about one event or one
subject, and any decision: every word comes from the run, the release in it, or the vocabularies.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import polars as pl

from pipelines.cli.failures import nearest
from pipelines.cli.output import EMPTY, visible
from pipelines.grading.rules import RULES
from pipelines.home import resolve_home
from schemas.assessment_items import ITEMS
from schemas.errors import RegradeError
from schemas.wording import counted
from warehouse.run_store import RunStore, StoredRun

Facts = dict[str, Any]


def current_run(home_option: str | None, study: str) -> StoredRun:
    """The current run of a study. Raises `RegradeError` naming the nearest study that was run."""
    home = resolve_home(home_option)
    store = RunStore(home.runs)
    known = store.study_ids()
    run = store.current(study) if study in known else None
    if run is None:
        raise RegradeError(
            f"no run of this study{nearest(study, known)}",
            value=study,
            next_action=f"run it with: regrade run {study}"
            if study in home.studies()
            else "regrade status lists the studies there are",
        )
    return run


def no_such_subject(run: StoredRun) -> RegradeError:
    """The error for a subject that the run does not know; it names none."""
    table = "core_subjects"
    subjects = counted(run.table(table).height, "subject")
    return RegradeError(
        "the study has no such subject",
        next_action=f"write it as the data do; the study has {subjects}, list them "
        f"with: regrade sql \"select distinct subject_id from {table} where study_id = '{run.study_id}'\"",
    )


def rows_of(frame: pl.DataFrame, **values: object) -> list[Facts]:
    """Rows that have these values, as mappings, in the order of the table."""
    wanted = [pl.col(name) == value for name, value in values.items()]
    return list((frame.filter(wanted) if wanted else frame).iter_rows(named=True))


def split(text: str | None) -> list[str]:
    """Parts of a joined column; null is no part."""
    return text.split("|") if text else []


def coded(words: Mapping[str, str], code: str | None) -> Facts:
    """A code with the sentence of its vocabulary."""
    return {"code": code, "meaning": words.get(code) if code is not None else None}


def kernel_rule(rule_id: str) -> Facts:
    """A kernel rule with its sentence; a grade row of the release is printed in full elsewhere."""
    sentence, source = RULES.get(rule_id, ("The grade row of the mapping release shown below.", None))
    return {"code": rule_id, "meaning": sentence, "source": source}


def interval(row: Mapping[str, Any], prefix: str = "") -> Facts:
    """The three ends of an interval."""
    return {name: row[f"{prefix}{name}"] for name in ("low", "point", "high")}


def span(first: object, last: object) -> str | None:
    """One value, or a range with `?` for an open end; None where nothing is known."""
    if first is None and last is None:
        return None
    return (
        str(first)
        if first == last
        else f"{'?' if first is None else first} .. {'?' if last is None else last}"
    )


_SCALES: Final = ("ice", "cartox", "capd")


def said_items(evidence: str) -> str:
    """Items and values of a moment as a person says them; the items of a score only where it has no total.

    >>> said_items("ice_naming=2|ice_total=6|arousal=voice"), said_items("ice_naming=2|ice_writing=0")
    ('ICE 6, voice', 'ICE items 2+0')
    """
    parts = [part.partition("=")[::2] for part in evidence.split("|")]
    said = []
    for scale in _SCALES:
        of_scale = {item: value for item, value in parts if item.startswith(f"{scale}_")}
        total = of_scale.pop(f"{scale}_total", None)
        not_done = sorted({value for value in of_scale.values() if value.startswith("not done")})
        if total is not None:
            said.append(f"{scale.upper()} {total}")
        elif not_done:
            said += [f"{scale.upper()} {value}" for value in not_done]
        elif of_scale:
            said.append(f"{scale.upper()} items {'+'.join(of_scale.values())}")
    for item, value in parts:
        if item == "arousal":
            said.append(value)
        elif item.split("_")[0] not in _SCALES:
            said.append(f"{ITEMS[item].label}: {value}" if item in ITEMS else f"{item} {value}")
    return ", ".join(said)


def print_facts(facts: Mapping[str, Any], width: int | None = None) -> None:
    """Sections with indented lines, wrapped to `width`; by default to a terminal, whole when piped."""
    if width is None:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for number, (title, section) in enumerate(facts.items()):
        if number:
            print()
        print(title.upper())
        for line in _lines(section, 1):
            print_wrapped(line, width)


def print_wrapped(line: str, width: int, hanging: int = 4) -> None:
    """One line, continued with its own indent and `hanging` more; whole where `width` is 0."""
    if not width:
        print(line)
        return
    indent = " " * (len(line) - len(line.lstrip()) + hanging)
    for part in textwrap.wrap(line, max(width, 40), subsequent_indent=indent, drop_whitespace=True) or [""]:
        print(part)


def _lines(value: object, depth: int) -> Iterable[str]:
    pad = "  " * depth
    if isinstance(value, Mapping):
        for name, item in value.items():
            inline = _inline(item)
            if inline is not None:
                yield f"{pad}{visible(name)}: {inline}"
            else:
                yield f"{pad}{visible(name)}:"
                yield from _lines(item, depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            yield f"{pad}none"
        for item in value:
            inline = _inline(item)
            if inline is not None:
                yield f"{pad}- {inline}"
            else:
                first, *rest = _lines(item, depth + 1)
                yield f"{pad}- {first.lstrip()}"
                yield from rest
    else:
        yield f"{pad}{visible(value)}"


def _inline(value: object) -> str | None:
    """One-line form of a value; None when it needs lines of its own."""
    if isinstance(value, Mapping):
        names = list(value)
        if names == ["low", "point", "high"]:
            return " / ".join(visible(value[name]) for name in names) + "  (low / point / high)"
        if names[:2] == ["code", "meaning"] and len(names) <= 3:
            said = [visible(part) for part in list(value.values())[1:] if part is not None]
            return "  ".join([visible(value["code"]), *(f"({part})" for part in said)])
        return None
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            return "none"
        if (
            all(not isinstance(item, Mapping) for item in value)
            and sum(len(str(item)) for item in value) < 100
        ):
            return ", ".join(visible(item) for item in value)
        return None
    return EMPTY if value is None else visible(value)
