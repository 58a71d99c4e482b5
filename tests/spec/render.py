"""The specification page: every rule of the spec tests as a sentence, its docstring and its tables.

Nothing about a rule is written here: it is read from the source of the tests, which assert it.
`python -m tests.spec.render` writes SPECIFICATION.md beside this file; with a path ending in .html it writes
the same as a page there.
"""

from __future__ import annotations

import ast
import html
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = FOLDER / "SPECIFICATION.md"
READING_ORDER = (
    "test_grading_rules",
    "test_context_rules",
    "test_assessment_rules",
    "test_assessment_context",
    "test_assessment_rows",
    "test_result_rules",
)
"""Other files follow by name."""
Grid = list[list[str]]


@dataclass
class Rule:
    sentence: str
    text: str
    tables: list[Grid] = field(default_factory=list)


@dataclass
class Chapter:
    name: str
    title: str
    text: str
    rules: list[Rule] = field(default_factory=list)


def read_chapters() -> list[Chapter]:
    files = {path.stem: path for path in FOLDER.glob("test_*.py")}
    names = [*READING_ORDER, *sorted(set(files) - set(READING_ORDER) - {"test_render"})]
    return [read_chapter(files[name]) for name in names]


def read_chapter(path: Path) -> Chapter:
    module = ast.parse(path.read_text(encoding="utf-8"))
    title, _, text = (ast.get_docstring(module) or path.stem).partition("\n\n")
    found = Chapter(path.stem, flat(title).rstrip("."), flat(text))
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            tables = [*parameters(node), *tables_of(node)]
            docstring = ast.get_docstring(node) or ""
            if docstring or tables:
                found.rules.append(Rule(sentence(node.name), flat(docstring), tables))
    return found


def sentence(name: str) -> str:
    text = name.removeprefix("test_").replace("_", " ")
    return text[:1].upper() + text[1:]


def flat(text: str) -> str:
    return " ".join(text.split())


def parameters(node: ast.FunctionDef) -> Iterator[Grid]:
    """Cases that a table is filled in with, where they are written out."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("parametrize"):
            names, cases = decorator.args[:2]
            try:
                head, rows = ast.literal_eval(names), ast.literal_eval(cases)
            except ValueError:
                continue
            columns = [head] if isinstance(head, str) else list(head)
            listed = [[row] if isinstance(head, str) else list(row) for row in rows]
            yield [columns, *([shown(cell) for cell in row] for row in listed)]


def shown(cell: object) -> str:
    return "" if cell is None else str(cell)


def tables_of(node: ast.FunctionDef) -> Iterator[Grid]:
    """Tables in the order of the source; a part that a case fills in stays in braces."""
    inside = {
        id(part) for found in ast.walk(node) if isinstance(found, ast.JoinedStr) for part in found.values
    }
    strings = [
        found
        for found in ast.walk(node)
        if id(found) not in inside
        and (
            isinstance(found, ast.JoinedStr)
            or (isinstance(found, ast.Constant) and isinstance(found.value, str))
        )
    ]
    for found in sorted(strings, key=lambda part: (part.lineno, part.col_offset)):
        text = written(found)
        lines = [line.strip() for line in textwrap.dedent(text).splitlines()]
        rows = [line for line in lines if line.startswith("|") and not set(line) <= set("|-: ")]
        if rows and "=>" in rows[0]:
            yield [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def written(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(written(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return "{" + ast.unparse(node.value) + "}"
    assert isinstance(node, ast.Constant)
    return str(node.value)


# --- pages -------------------------------------------------------------------------------------


def render_markdown(chapters: list[Chapter]) -> str:
    lines = [
        "# Specification",
        "",
        "Made by `python -m tests.spec.render` from the tests of this folder, which assert every line of it.",
        "Left of → what a study records, right of it what comes out. Numbers in brackets are sections of",
        "`pipelines/grading/GRADING.md`.",
    ]
    for chapter in chapters:
        lines += ["", f"## {chapter.title}", ""]
        lines += [*textwrap.wrap(chapter.text, 110), ""] if chapter.text else []
        lines += [f"<sub>`tests/spec/{chapter.name}.py`</sub>"]
        for rule in chapter.rules:
            lines += ["", f"### {rule.sentence}"]
            lines += ["", *textwrap.wrap(rule.text, 110)] if rule.text else []
            for table in rule.tables:
                lines += ["", *markdown_table(table)]
    return "\n".join(lines) + "\n"


def markdown_table(table: Grid) -> Iterator[str]:
    for number, row in enumerate(table):
        yield "| " + " | ".join("→" if cell == "=>" else cell for cell in row) + " |"
        if number == 0:
            yield "|" + "---|" * len(row)


def render_html(chapters: list[Chapter]) -> str:
    parts = ["<!doctype html><meta charset=utf-8><title>Specification</title><h1>Specification</h1>"]
    for chapter in chapters:
        parts += [f"<h2>{html.escape(chapter.title)}</h2><p>{html.escape(chapter.text)}</p>"]
        for rule in chapter.rules:
            parts += [f"<h3>{html.escape(rule.sentence)}</h3><p>{html.escape(rule.text)}</p>"]
            for head, *body in rule.tables:
                rows = [html_row(head, "th"), *(html_row(row, "td") for row in body)]
                parts += [f"<table border=1>{''.join(rows)}</table>"]
    return "\n".join(parts) + "\n"


def html_row(row: list[str], tag: str) -> str:
    cells = "".join(f"<{tag}>{'→' if cell == '=>' else html.escape(cell)}</{tag}>" for cell in row)
    return f"<tr>{cells}</tr>"


def main(arguments: list[str]) -> None:
    target = Path(arguments[0]) if arguments else PAGE
    render = render_html if target.suffix == ".html" else render_markdown
    target.write_text(render(read_chapters()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
