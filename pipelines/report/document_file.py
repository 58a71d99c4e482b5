"""A document as a JSON file, and back.

What may live here: reading and writing the file. What may not: rendering, or content. A file of another
schema version, or one that was damaged or edited out of shape, is refused with its first fault named;
cells are named by place only, as they may hold what a subject's record says.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from pipelines.report.document import SCHEMA_VERSION, Document
from schemas.errors import RegradeError
from schemas.wording import counted

SCHEMA_PATH: Final = Path(__file__).with_name("document.schema.json")
_MAKE_AGAIN: Final = "make the report again with `regrade report`, or use an undamaged copy"


def document_json(document: Document) -> str:
    """The document as JSON text; equal documents are equal bytes."""
    return json.dumps(document.model_dump(mode="json"), ensure_ascii=True, indent=1) + "\n"


def document_schema() -> str:
    """The JSON Schema of a document, as it is committed."""
    return json.dumps(Document.model_json_schema(), indent=2) + "\n"


def read_document(path: Path) -> Document:
    """The document of a JSON file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RegradeError(
            f"cannot be read ({error.strerror})", file=path.name, next_action="check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise RegradeError(
            f"is not UTF-8 text at byte {error.start}", file=path.name, next_action=_MAKE_AGAIN
        ) from error
    except json.JSONDecodeError as error:
        raise RegradeError(
            f"is not JSON: {error.msg}", file=path.name, line=error.lineno, next_action=_MAKE_AGAIN
        ) from error
    except RecursionError as error:
        raise RegradeError("is nested too deeply", file=path.name, next_action=_MAKE_AGAIN) from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version is None:
        raise RegradeError(
            "is not a report: it has no schema_version", file=path.name, next_action=_MAKE_AGAIN
        )
    if version != SCHEMA_VERSION:
        raise RegradeError(
            f"has a schema version this program cannot read (it reads {SCHEMA_VERSION})",
            file=path.name,
            value=str(version)[:20],
            next_action="use the version of the program that made it, or make the report again",
        )
    try:
        document = Document.model_validate_json(json.dumps(content), strict=True)
    except (ValidationError, ValueError) as error:
        raise _out_of_shape(error, path) from error
    return _checked(document, path)


def _out_of_shape(error: ValueError, path: Path) -> RegradeError:
    if not isinstance(error, ValidationError):
        return RegradeError("is not a report", file=path.name, next_action=_MAKE_AGAIN)
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"][:8])
    return RegradeError(
        f"is not a report of schema {SCHEMA_VERSION}: {first['type']} at {place} "
        f"({counted(error.error_count(), 'fault')} in all)",
        file=path.name,
        next_action=_MAKE_AGAIN,
    )


def _checked(document: Document, path: Path) -> Document:
    """The document, if each row is as wide as its table and each figure has its table."""
    for chapter in document.chapters:
        for section in chapter.sections:
            for table in section.tables:
                for index, row in enumerate(table.rows, start=1):
                    if len(row) != len(table.columns):
                        raise RegradeError(
                            f"table {table.table_id} has {counted(len(table.columns), 'column')}, "
                            f"the row {len(row)}",
                            file=path.name,
                            row=index,
                            next_action=_MAKE_AGAIN,
                        )
            held = {table.table_id for table in section.tables}
            for figure in section.figures:
                if figure.table_id not in held:
                    raise RegradeError(
                        f"figure {figure.figure_id} names a table its section has not",
                        file=path.name,
                        value=figure.table_id,
                        next_action=_MAKE_AGAIN,
                    )
    return document
