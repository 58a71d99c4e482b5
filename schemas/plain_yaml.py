"""Plain YAML as this program accepts it from others: keys and values, nothing that unfolds.

Text in, Python values out. No file is read and no key is known here. A key given twice, an anchor or alias,
a tag, more than one document and deep nesting are refused before anything is built: a few lines with
anchors unfold to gigabytes.
"""

from __future__ import annotations

from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, DocumentStartEvent, NodeEvent
from ruamel.yaml.nodes import Node
from ruamel.yaml.reader import ReaderError

LARGEST_BYTES: Final = 256 * 1024
"""A file of keys and values is never larger; the caller reads no more than one byte beyond it."""
DEEPEST: Final = 20
# The library turns words into numbers and dates, and lets what Python says of them through.
_LIBRARY_ERRORS: Final = (
    *(YAMLError, ArithmeticError, AttributeError, LookupError),
    *(RecursionError, TypeError, ValueError),
)


class PlainYamlError(ValueError):
    """Why a text is not plain YAML, the line (from 1) where that is known, and what to do."""

    def __init__(self, what: str, next_action: str, line: int | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.next_action = next_action
        self.line = line


def parse_plain_yaml(content: bytes) -> object:
    """The value of one YAML document in UTF-8. Raises `PlainYamlError`."""
    if len(content) > LARGEST_BYTES:
        raise PlainYamlError(f"it is larger than {LARGEST_BYTES // 1024} KiB", "keep data out of it")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        raise PlainYamlError(f"byte {failure.start} is not UTF-8", "save it as UTF-8") from None
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    try:
        _refuse_references(text)
        value: object = yaml.load(text)
    except MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        what = f"this is not valid YAML: {str(failure.problem or 'unreadable').splitlines()[0]}"
        raise PlainYamlError(what, "correct this line", None if mark is None else mark.line + 1) from None
    except PlainYamlError:
        raise
    except ReaderError as failure:
        what = f"this is not valid YAML: it holds the control character {failure.character:#04x}"
        raise PlainYamlError(what, "take it out", text.count("\n", 0, failure.position) + 1) from None
    except _LIBRARY_ERRORS as failure:
        what = f"this is not valid YAML: the value cannot be read ({type(failure).__name__})"
        action = "correct the value; put in quotes what is no date and no number"
        raise PlainYamlError(what, action, yaml.constructor.line) from None
    return value


class _Constructor(SafeConstructor):
    """The library's own, which remembers the line it is at: Python's errors about a value name none."""

    line: int | None = None

    def construct_object(self, node: Node, deep: bool = False) -> object:
        self.line = node.start_mark.line + 1
        return super().construct_object(node, deep)


def _refuse_references(text: str) -> None:
    """Refuse anchors, aliases, tags, several documents and deep nesting before anything is built."""
    documents = depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        fault = None
        documents += isinstance(event, DocumentStartEvent)
        kind = type(event).__name__
        depth += kind.endswith(("MappingStartEvent", "SequenceStartEvent"))
        depth -= kind.endswith(("MappingEndEvent", "SequenceEndEvent"))
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor is not None):
            fault = "anchors and aliases (& and *) are not allowed"
        elif getattr(event, "tag", None) is not None:
            fault = "tags (!) are not allowed"
        elif documents > 1:
            fault = "there is more than one document"
        elif depth > DEEPEST:
            fault = f"keys are nested deeper than {DEEPEST} levels"
        if fault is not None:
            action = "write the values out, one document of plain keys and values"
            raise PlainYamlError(fault, action, event.start_mark.line + 1)
