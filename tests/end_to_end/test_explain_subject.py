"""`regrade explain STUDY SUBJECT`: agrees with the tables, fits a page, names nobody in errors."""

from __future__ import annotations

import dataclasses
import json

import pytest

from pipelines.cli.explain_chart import draw_bar, print_story, said_interval
from pipelines.cli.explain_subject import explain_subject
from pipelines.home import Home
from schemas.errors import RegradeError
from tests.end_to_end.homes import Tables, regrade, write_study
from warehouse.demo.generate_cart_demo import subject_numbers
from warehouse.demo.planted_bedside import PLANTED_BEDSIDE
from warehouse.run_store import RunStore

NUMBER = subject_numbers() | {fact.name: fact.subject for fact in PLANTED_BEDSIDE}
SECRET = "SECRET-07"
TINY = {
    "ae.csv": (
        "USUBJID,AESEQ,AETERM,AEDECOD,AEBODSYS,AETOXGR,AESTDTC,AEENDTC,AEREL\n"
        f"{SECRET},1,confused,Confusion,Psychiatric disorders,2,2017-03-05,2017-03-07,RELATED\n"
        f"{SECRET},2,gros mal d\u00e9f\x1b[31m,,Nervous system disorders,1,2017-03,2017-03-20,RELATED\n"
        f"{SECRET},3,bleed,Intracranial hemorrhage,Nervous system disorders,3,2017-03-20,2017-03-24,RELATED\n"
        f"{SECRET},4,swollen brain,Oedema cerebral,Nervous system disorders,4,2017-03-24,2017-03-26,RELATED\n"
    ),
    "dm.csv": f"USUBJID,AGE,AGEU,RFSTDTC,DTHFL,DTHDTC\n{SECRET},50,YEARS,2017-03-01,Y,2017-03-28\n",
    "crs.csv": f"SUBJ,GRADE,FROM,TO\n{SECRET},2,2017-03-04,2017-03-05\n",
    "sed.csv": f"SUBJ,FROM,TO\n{SECRET},2017-03-25,2017-03-25\n",
    "ice.csv": (
        "SUBJ,DAY,HOUR,TOTAL,WAKES\n"
        f"{SECRET},2017-02-28,,10,\n"
        f"{SECRET},2017-03-05,08:00,6,to voice\n"
        f"{SECRET},2017-03-06,,12,to voice\n"
        f"{SECRET},2017-03-07,,9,alert\n"
    ),
    "study.yaml": (
        "study: TINY\n"
        "files:\n"
        "  - {path: ae.csv, role: adverse_events}\n"
        "  - {path: dm.csv, role: subjects}\n"
        "  - {path: crs.csv, role: crs, columns: {subject_id: SUBJ, grade: GRADE, start: FROM, end: TO}}\n"
        "  - {path: sed.csv, role: sedation, columns: {subject_id: SUBJ, start: FROM, end: TO}}\n"
        "  - path: ice.csv\n"
        "    role: assessments\n"
        "    columns: {subject_id: SUBJ, date: DAY, time: HOUR}\n"
        "    items: {ice_total: TOTAL, arousal: WAKES}\n"
        "    values: {arousal: {to voice: voice}}\n"
        'grading: {scale: ctcae, version: "4.03"}\n'
        "infusions: {source: reference_start}\n"
    ),
}

CAUSES = {
    "ae.csv": (
        "USUBJID,AESEQ,AEDECOD,AEBODSYS,AETOXGR,AESTDTC,AEENDTC,AEREL\n"
        "S1,1,Encephalopathy,Nervous system disorders,3,2017-03-05,2017-03-07,RELATED\n"
        "S1,2,Sepsis,Infections and infestations,3,2017-03-08,2017-03-09,RELATED\n"
        "S1,3,Posterior reversible encephalopathy syndrome,Nervous system disorders,3,2017-03-06,,RELATED\n"
        "S1,4,Sepsis,Infections and infestations,3,2017-03-20,2017-03-21,RELATED\n"
    ),
    "dm.csv": "USUBJID,AGE,AGEU,RFSTDTC\nS1,50,YEARS,2017-03-01\n",
    "mh.csv": "USUBJID,MHTERM,MHDECOD,MHSTDTC\nS1,old trouble,Encephalopathy,2015\nS1,knee,Arthritis,2010\n",
    "study.yaml": (
        "study: CAUSES\n"
        "files:\n"
        "  - {path: ae.csv, role: adverse_events}\n"
        "  - {path: dm.csv, role: subjects}\n"
        "  - {path: mh.csv, role: medical_history}\n"
        'grading: {scale: ctcae, version: "5.0"}\n'
        "infusions: {source: reference_start}\n"
        "context: {pres: true, named_causes: [SEPSIS]}\n"
    ),
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("tiny"))
    write_study(home, "TINY", TINY)
    write_study(home, "CAUSES", CAUSES)
    done = regrade(home, "run")
    assert done.exit_code == 0, done.output
    return home


def told(home: Home, study: str, subject: str) -> list[str]:
    done = regrade(home, "explain", study, subject)
    assert done.exit_code == 0, done.stderr
    return done.stdout.splitlines()


def facts_of(home: Home, study: str, subject: str) -> dict[str, list[dict[str, object]]]:
    done = regrade(home, "explain", study, subject, "--json")
    assert done.exit_code == 0, done.stderr
    answer: dict[str, list[dict[str, object]]] = json.loads(done.stdout)
    return answer


# The chart


def chart_of(lines: list[str]) -> dict[str, str]:
    """Day to its line, continuation lines joined."""
    start = next(number for number, line in enumerate(lines) if line.startswith("DAY BY DAY"))
    rows: list[str] = []
    for line in lines[start + 2 :]:
        if not line.startswith(" ") or line.startswith("  course"):
            break
        if line.startswith(" " * 30):
            rows[-1] += " " + line.strip()
        else:
            rows.append(line)
    return {row.split("(")[0].strip(): row for row in rows}


def test_the_chart_shows_each_day_with_what_was_recorded(tiny: Home) -> None:
    days = chart_of(told(tiny, "TINY", SECRET))
    assert "ICE 10 = cognition 0" in days["-1"]
    assert "(-1)" in days["-1"]
    assert "infusion" in days["0"]
    assert "(1)" in days["0"]
    assert "[2 .. - .. 4]" in days["4"]  # the unmapped row can be on that day
    assert "..---." in days["4"]
    assert " C A  08:00 ICE 6, voice = cognition 2, consciousness 2; AE 1 confusion grade 2" in days["4"]
    assert "ICE 12 (impossible), voice = cognition 0..4*, consciousness 2" in days["5"]
    assert "ICE 9, alert = cognition 1, consciousness 0" in days["6"]
    assert "AE 3 intracranial haemorrhage grade 3 (another cause)" in days["23"]
    assert "AE 4 cerebral edema grade 4; by icp" in days["23"]
    assert " S   " in days["24"]
    assert "death" in days["27"]


def test_a_partial_date_is_a_maybe(tiny: Home) -> None:
    days = chart_of(told(tiny, "TINY", SECRET))
    assert "maybe AE 2" in days["4"]
    assert "maybe AE 1" not in days["4"]


def test_days_that_say_the_same_are_one_line(shipped_home: Home) -> None:
    days = chart_of(told(shipped_home, "CART-DEMO", NUMBER["ongoing"]))
    assert list(days) == ["0", "10..11", "12..56"]  # cytokine release ends on day 11
    assert "(13..57)  [0 .. 2 .. 3] --#-..  " in days["12..56"]


def test_intervals_are_drawn_in_six_places() -> None:
    intervals = [(0, 2, 3), (3, 3, 3), (0, None, 4), (4, 5, 5), (0, 0, 4)]
    drawn = [
        (said_interval(found), draw_bar(found))
        for low, point, high in intervals
        for found in [{"low": low, "point": point, "high": high}]
    ]
    assert drawn == [
        ("[0 .. 2 .. 3]", "--#-.."),
        ("[3]", "...#.."),
        ("[0 .. - .. 4]", "-----."),
        ("[4 .. 5 .. 5]", "....-#"),
        ("[0 .. 0 .. 4]", "#----."),
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("impossible_score", "two_times_a_day", "unarousable", "fatal_haemorrhage", "second_infusion"),
        *("child_closes", "onset_between_infusions", "no_infusion_date", "not_infused", "half_grade"),
        *("dead_but_alive", "year_only"),
    ],
)
def test_a_story_is_ascii_and_fits_a_page(shipped_home: Home, name: str) -> None:
    lines = told(shipped_home, "CART-DEMO", NUMBER[name])
    assert lines[0] == f"{NUMBER[name]} of CART-DEMO"
    folder = str(Tables(shipped_home, "CART-DEMO").run.folder)
    for line in lines:
        assert line.isascii()
        assert len(line) <= 100 or folder in line
        assert line == line.rstrip()
    for title in ("ADVERSE EVENTS", "WHAT WOULD CLOSE IT", "RUN"):
        assert any(line.startswith(title) for line in lines)


def test_every_day_of_the_chart_is_a_day_of_the_tables(shipped_home: Home) -> None:
    tables = Tables(shipped_home, "CART-DEMO")
    for name in ("impossible_score", "second_infusion", "baseline_deficit", "status_rows"):
        facts = facts_of(shipped_home, "CART-DEMO", NUMBER[name])
        for infusion in facts["infusions"]:
            wanted = {
                row["day"]: [row[end] for end in ("low", "point", "high")]
                for row in tables.rows(
                    "core_subject_days", subject_id=NUMBER[name], infusion_number=infusion["infusion"]
                )
            }
            days = infusion["days"]
            assert isinstance(days, list)
            assert {d["day"]: list(d["interval"].values()) for d in days if d["interval"]} == wanted
            assert all(d["study_day"] == d["day"] + (d["day"] >= 0) for d in days)


# The rest of the story


def test_the_headline_says_what_set_each_end(shipped_home: Home) -> None:
    lines = told(shipped_home, "CART-DEMO", NUMBER["impossible_score"])
    assert "  headline, day 0 to 30: ICANS [1 .. - .. 4] .----.  low >= 1: ICANS on any reading" in lines[4]
    text = " ".join(line.strip() for line in lines)
    assert "adverse events alone, no assessment read, allow [0 .. 2 .. 3]." in text
    assert "at least 1 by cognition" in text
    assert "at most 4 by cognition: A value that the item cannot have" in text
    assert "mapping release 1.0.0, under review, not clinically reviewed" in text


def test_a_closed_interval_is_said_to_be_closed_by_assessments(shipped_home: Home) -> None:
    text = " ".join(told(shipped_home, "CART-DEMO", NUMBER["closes_at_none"]))
    assert "assessments closed the interval; adverse events alone allow [0 .. 1 .. 2]." in text
    assert "nothing is open in the headline window" in text


def test_a_contradiction_shows_both_sides_and_the_rule(shipped_home: Home) -> None:
    lines = told(shipped_home, "CART-DEMO", NUMBER["measured_above"])
    start = lines.index("CONTRADICTIONS")
    section = " ".join(line.strip() for line in lines[start : lines.index("WHAT WOULD CLOSE IT")])
    assert "A measurement is above everything the adverse-event row allows." in section
    assert "adverse_events.csv:579" in section
    assert "ice_scores.csv:" in section
    assert "decided by K-MEASURED-REPLACES" in section


def test_what_would_close_it_is_the_work_list(shipped_home: Home) -> None:
    name = NUMBER["two_values_at_once"]
    (fact,) = Tables(shipped_home, "CART-DEMO").rows("core_closing_facts", subject_id=name)
    lines = told(shipped_home, "CART-DEMO", name)
    assert f"  grade {fact['threshold']} or more? (Only another threshold is open.)" in lines
    assert f"      {fact['sentence']}" in lines


def test_every_contributing_row_is_in_the_story(shipped_home: Home) -> None:
    tables = Tables(shipped_home, "CART-DEMO")
    name = NUMBER["status_rows"]
    events = facts_of(shipped_home, "CART-DEMO", name)["events"]
    wanted = {
        row["event_id"] for row in tables.rows("core_event_grades", subject_id=name) if row["release_high"]
    }
    assert wanted <= {event["event"] for event in events}
    rejected = facts_of(shipped_home, "CART-DEMO", NUMBER["half_grade"])["rejected_rows"]
    assert [row["rule"] for row in rejected] == ["STG-GRADE-HALF"]


# One event


def test_an_event_names_the_row_behind_its_context_rule(tiny: Home) -> None:
    done = regrade(tiny, "explain", "TINY", SECRET, "4", "--json")
    because = json.loads(done.stdout)["because_of"]
    assert {row["rule"] for row in because} == {"K-OTHER-CAUSE", "K-HAEMORRHAGE-OEDEMA"}
    assert {row["place"] for row in because} == {"ae.csv:3"}
    assert because[0]["says"] == "Intracranial hemorrhage, grade 3, 2017-03-20 .. 2017-03-24"


def test_an_event_names_every_kind_of_cause_the_manifest_counts(tiny: Home) -> None:
    done = regrade(tiny, "explain", "CAUSES", "S1", "1", "--json")
    because = [(row["rule"], row["place"]) for row in json.loads(done.stdout)["because_of"]]
    assert because == [
        ("K-PRES", "ae.csv:3"),
        ("K-NAMED-CAUSE", "ae.csv:2"),  # not the sepsis of two weeks later
        ("K-MEDICAL-HISTORY", "mh.csv:1"),
    ]


def test_an_event_names_its_sedation_and_its_baseline(shipped_home: Home) -> None:
    def because(name: str, event: str) -> list[tuple[str, str]]:
        done = regrade(shipped_home, "explain", "CART-DEMO", NUMBER[name], event, "--json")
        return [(row["rule"], row["says"]) for row in json.loads(done.stdout)["because_of"]]

    assert because("sedated", "1-1") == [("K-SEDATION", "sedated 2015-07-11 .. 2015-07-17")]
    assert because("baseline_deficit", "2-1") == [
        ("K-BASELINE-DEFICIT", "before the infusion: ICE 8 (cognition 1)")
    ]
    assert because("closes_at_none", "1-1") == []


def test_an_event_says_what_assessments_did_in_each_window(shipped_home: Home) -> None:
    done = regrade(shipped_home, "explain", "CART-DEMO", NUMBER["closes_at_none"], "1-1", "--json")
    contributions = json.loads(done.stdout)["window"]["contributions"]
    assert [row["assessments"]["code"] for row in contributions] == ["K-MEASURED-REPLACES"] * 2
    assert "Assessments on every day of the row" in contributions[0]["assessments"]["meaning"]


# What can go wrong


def test_no_terminal_escape_reaches_the_story(tiny: Home) -> None:
    done = regrade(tiny, "explain", "TINY", SECRET)
    assert "\x1b" not in done.stdout
    assert "gros mal d\\xe9f\\ufffd[31m" in done.stdout


def test_an_unknown_subject_or_study_says_what_there_is(tiny: Home) -> None:
    subject = regrade(tiny, "explain", "TINY", "SECRET-08")
    assert subject.exit_code == 1
    assert "the study has no such subject" in subject.stderr
    assert "the study has 1 subject," in subject.stderr
    study = regrade(tiny, "explain", "TINYY", SECRET)
    assert study.exit_code == 1
    assert "nearest: TINY" in study.stderr
    assert "SECRET" not in subject.stderr + study.stderr
    assert (subject.stdout, study.stdout) == ("", "")


def test_a_run_of_an_earlier_version_is_to_be_made_again(tiny: Home) -> None:
    run = RunStore(tiny.runs).current("TINY")
    assert run is not None
    kept = {name: file for name, file in run.tables.items() if name != "core_closing_facts"}
    with pytest.raises(RegradeError, match="earlier version") as raised:
        explain_subject(dataclasses.replace(run, tables=kept), SECRET)
    assert "regrade run TINY" in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_subject_without_any_event_has_a_story(
    shipped_home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunStore(shipped_home.runs).current("CART-DEMO")
    assert run is not None
    print_story(explain_subject(run, NUMBER["not_infused"]))
    shown = capsys.readouterr().out
    assert "infusions: none recorded" in shown
    assert "NOT_EVALUABLE" in shown
    assert "DAY BY DAY" not in shown
