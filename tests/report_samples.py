"""A document with every kind of table, column and figure, and with texts that try to break a renderer."""

from __future__ import annotations

from pipelines.report.document import Cell, Chapter, Column, Document, Fact, Figure, Section, Sentence, Table

SCRIPT = "<script>document.title='taken'</script>"
HOSTILE = (
    SCRIPT,
    "</script><script>alert(1)</script>",
    "</title></style><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x="',
    '=HYPERLINK("http://evil.example","x")',
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe\u202c and \u2066isolated\u2069",
    "nul\x00 and escape \x1b[31m red",
    "line\none\r\ntwo\tthree\u2028four",
    "]]><svg onload=alert(1)>&lt;&amp;",
    "word " * 2000,
    "w" * 10_000,
)


def columns(*specified: str) -> tuple[Column, ...]:
    """Columns from "name:kind:label"."""
    return tuple(
        Column.model_validate({"name": name, "kind": kind, "label": label})
        for name, kind, label in (text.split(":", 2) for text in specified)
    )


def table(table_id: str, heads: tuple[Column, ...], rows: list[tuple[Cell, ...]], **more: object) -> Table:
    return Table.model_validate(
        {"table_id": table_id, "title": f"Table {table_id}", "columns": heads, "rows": tuple(rows)} | more
    )


def flow_table() -> Table:
    counts = {
        ("0", "0"): 21,
        ("1", "0"): 6,
        ("1", "1"): 9,
        ("2", "1"): 5,
        ("2", "2"): 7,
        ("2", "indeterminate"): 4,
    }
    counts |= {("3", "1"): 2, ("3", "3"): 8, ("3", "4"): 3, ("4", "4"): 2, ("unknown", "indeterminate"): 3}
    return table(
        "shift",
        columns("ctcae:grade:CTCAE grade", "icans:text:ICANS grade", "subjects:count:Subjects"),
        [(left if left == "unknown" else int(left), right, n) for (left, right), n in counts.items()],
        query="select ctcae,\n  icans, subjects\nfrom out_grade_shift\nwhere study_id = 'X' and 1 < 2",
        notes=("Subjects of the full analysis set.",),
    )


def matrix_table() -> Table:
    heads = columns("ctcae:grade:CTCAE", *(f"icans_{grade}:count:ICANS {grade}" for grade in range(5)))
    rows: list[tuple[Cell, ...]] = [
        (grade, *((grade * 7 + to * 3) % 19 if abs(grade - to) < 3 else 0 for to in range(5)))
        for grade in range(6)
    ]
    return table("matrix", heads, rows, lead="CTCAE down, ICANS across.")


def daily_table() -> Table:
    rows: list[tuple[Cell, ...]] = [
        (scale, day, grade, max(0, 14 - abs(day - 6) * 2 - grade * 2))
        for scale in ("CTCAE", "ICANS point")
        for day in range(0, 29)
        for grade in range(1, 5)
    ]
    return table(
        "daily", columns("scale:text:Scale", "day:day:Day", "grade:grade:Grade", "n:count:Subjects"), rows
    )


def swimmer_table(subjects: int = 24) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for subject in range(subjects):
        first = subject % 9
        rows.append((f"S-{subject:08d}", "CTCAE", first, first + 4 + subject % 5, 1 + subject % 4))
        rows.append(
            (f"S-{subject:08d}", "ICANS", first + 1, None if subject % 7 == 0 else first + 3, subject % 5)
        )
    return table(
        "spans",
        columns(
            "id:id:Subject",
            "scale:text:Scale",
            "first:day:First day",
            "last:day:Last day",
            "grade:grade:Grade",
        ),
        rows,
        is_listing=True,
    )


def forest_table() -> Table:
    rows: list[tuple[Cell, ...]] = [
        ("Study", "CART-DEMO", 12, 40, 30.0, 16.5625, 46.53),
        ("Study", "OTHER", 3, 25, 12.0, 2.55, 31.22),
        ("Age group", "65 and older", 5, 12, 41.666666, 15.17, 72.33),
        ("Age group", "under 65", 0, 0, None, None, None),
        ("Product", HOSTILE[0], "<8", 30, None, None, None),
    ]
    return table(
        "forest",
        columns(
            "kind:text:Kind",
            "name:text:Group",
            "n:count:n",
            "of:count:N",
            "rate:percent:Percent",
            "low:percent:Lower limit",
            "high:percent:Upper limit",
        ),
        rows,
    )


def bars_table() -> Table:
    rows: list[tuple[Cell, ...]] = [(f"Term {name}", 30 - 3 * i, 14 - i) for i, name in enumerate("ABCDEFG")]
    return table("terms", columns("term:text:Term", "down:count:Fell", "up:count:Rose"), rows)


def stacked_table() -> Table:
    rows: list[tuple[Cell, ...]] = [(f"Term {name}", 9 - i, 3, i, 12) for i, name in enumerate("ABCDEFG")]
    heads = columns(
        "term:text:Term", "down:count:Fell", "same:count:Same", "up:count:Rose", "total:count:All"
    )
    return table("drivers", heads, rows)


def wide_daily_table() -> Table:
    rows: list[tuple[Cell, ...]] = [(day, 12 - day, 9 - day if day < 9 else 0, "<8", 40) for day in range(12)]
    return table(
        "prevalence",
        columns(
            "day:day:Day",
            "grade_1:count:Grade 1",
            "grade_3:count:Grade 3",
            "no_single_grade:count:No single grade",
            "denominator:count:N",
        ),
        rows,
    )


def hostile_table() -> Table:
    return table(
        "hostile",
        columns("text:text:Text <b>", "n:number:Number", "flag:flag:Flag", "codes:codes:Codes"),
        [(text, index + 0.125, index % 2 == 0, "A|B") for index, text in enumerate(HOSTILE)],
        is_listing=True,
        notes=(SCRIPT,),
        withheld=None,
    )


def listing_table(rows: int) -> Table:
    grid: list[tuple[Cell, ...]] = [
        (
            f"S-{index * 7919 % rows:05d}",
            f"EVENT-{index:05d}",
            ("Encephalopathy", "Tremor", "Aphasia", "Seizure", "Confusional state")[index % 5],
            index % 6 if index % 11 else None,
            ("0/1/2", "1/-/4", "3/3/3")[index % 3],
            index % 60 - 3,
            (index * 37 % 1000) / 7,
            "ENC|SEIZ" if index % 2 else "ENC",
            index % 4 == 0,
            f"Fell because rule R-{index % 40} applies to grade {index % 6} of the recorded term",
        )
        for index in range(rows)
    ]
    return table(
        "changed",
        columns(
            "subject:id:Subject",
            "event:id:Event",
            "term:text:Term",
            "grade:grade:CTCAE grade",
            "interval:text:ICANS low/point/high",
            "day:day:Onset day",
            "share:percent:Share",
            "domains:codes:Domains",
            "review:flag:Review",
            "why:text:Driver",
        ),
        grid,
        is_listing=True,
        query="select * from out_changed",
    )


def figure(kind: str, table_id: str, title: str) -> Figure:
    return Figure.model_validate(
        {
            "figure_id": f"{kind}_figure",
            "kind": kind,
            "title": title,
            "description": f"What {title.lower()} shows, told in words.",
            "table_id": table_id,
        }
    )


def sections(rows: int) -> tuple[Section, ...]:
    return (
        Section(
            section_id="shift",
            title="CTCAE to ICANS",
            lead="How grades move.",
            tables=(flow_table(), matrix_table()),
            figures=(figure("flow", "shift", "Flow from CTCAE to ICANS"),),
        ),
        Section(
            section_id="course",
            title="Time course",
            tables=(daily_table(), swimmer_table()),
            figures=(
                figure("daily", "daily", "Daily prevalence by grade"),
                figure("swimmer", "spans", "Subjects over time"),
            ),
        ),
        Section(
            section_id="rates",
            title="Incidence",
            tables=(forest_table(), bars_table()),
            figures=(
                figure("forest", "forest", "Incidence"),
                figure("bars", "terms", "Terms that changed"),
            ),
        ),
        Section(
            section_id="drivers",
            title="Drivers and prevalence",
            tables=(stacked_table(), wide_daily_table()),
            figures=(
                figure("bars", "drivers", "Terms that drive changes"),
                figure("daily", "prevalence", "Prevalence"),
            ),
        ),
        Section(
            section_id="listings",
            title="Listings",
            tables=(
                listing_table(rows),
                hostile_table(),
                listing_table(0).model_copy(update={"table_id": "empty"}),
            ),
        ),
    )


def sample_document(rows: int = 200) -> Document:
    """Two chapters, the second with a hostile study; the first lists `rows` rows."""
    facts = (
        Fact(label="Scale", value="ICANS (ASTCT 2019), of CTCAE 4.03"),
        Fact(label="Mapping release", value="0.1.0, draft, not clinically reviewed"),
        Fact(label="Data cut", value="2019-03-01"),
        Fact(label="Run", value="a" * 64),
    )
    return Document(
        kind="scale_diff",
        title="Scale differences of CART-DEMO and others",
        status="Mapping release 0.1.0 is a draft and was not clinically reviewed.",
        subject_ids="pseudonyms",
        is_public=False,
        chapters=(
            Chapter(
                chapter_id="CART-DEMO",
                title="CART-DEMO",
                facts=facts,
                sentences=(
                    Sentence(
                        text="ICANS occurred in 30.0 % (12/40), grade 3 or higher in 12.5 % (5/40).",
                        conventions="Point estimate; treatment-emergent within 30 days of the infusion.",
                    ),
                ),
                sections=sections(rows),
            ),
            Chapter(
                chapter_id=SCRIPT,
                title=f"Study {SCRIPT}",
                facts=(Fact(label="Run", value=HOSTILE[6]),),
                sections=(
                    Section(
                        section_id="hostile", title=HOSTILE[2], lead=HOSTILE[5], tables=(hostile_table(),)
                    ),
                ),
            ),
        ),
    )
