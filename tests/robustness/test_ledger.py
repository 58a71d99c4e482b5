"""The ledger tells what was done, finds every change of a line, and loses nothing to an interruption."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import resource
from pathlib import Path

import pytest

from pipelines.home import Home
from schemas.errors import StoreError
from tests.end_to_end.homes import regrade
from tests.end_to_end.tiny_studies import write_tiny_study
from tests.robustness.situations import copy_home
from warehouse.disk import canonical_json, sha256_file
from warehouse.ledger import Anchor, Ledger, Note, read_entry
from warehouse.ledger_check import check_ledger
from warehouse.run_store import RunStore

LENGTH = 12


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path, "a reason")
    for number in range(LENGTH - 1):
        ledger.append(Note("reused", {"study_id": "S", "run_id": f"{number:064d}"}))
    return ledger


def lines_of(ledger: Ledger) -> list[str]:
    return ledger.path.read_text(encoding="utf-8").splitlines()


def rewrite(ledger: Ledger, lines: list[str]) -> None:
    ledger.path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def rechained(line: str, **changes: object) -> str:
    """The line with other content and an own hash that fits it, as a careful forger would write it."""
    entry = read_entry(line.encode())
    assert entry is not None
    said = {**json.loads(line), **changes}
    del said["hash"]

    return canonical_json({**said, "hash": hashlib.sha256(canonical_json(said).encode()).hexdigest()})


def found(ledger: Ledger, *anchors: Anchor) -> list[tuple[int | None, str]]:
    checked = check_ledger(ledger, anchors)
    assert checked.state == ("broken" if checked.problems else "intact")
    return [(problem.line, problem.what) for problem in checked.problems]


def test_an_entry_says_who_what_when_and_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRADE_ACTOR", "night\x1b[31m shift")
    ledger = Ledger(tmp_path, "safety review\nof May")
    entry = ledger.append(Note("created", {"study_id": "S"}))
    assert (entry.sequence, entry.action, entry.facts) == (2, "created", {"study_id": "S"})
    assert (entry.who, entry.why) == ("night [31m shift", "safety review of May")
    assert entry.at.endswith("+00:00")
    assert [each.action for each in ledger.entries()] == ["opened", "created"]
    monkeypatch.delenv("REGRADE_ACTOR")
    monkeypatch.setenv("REGRADE_REASON", "nightly")
    later = Ledger(tmp_path).append(Note("reused", {}))
    assert later.why == "nightly"
    assert later.who
    assert later.previous == entry.hash


def test_an_untouched_ledger_is_intact(ledger: Ledger) -> None:
    checked = check_ledger(ledger)
    assert (checked.state, checked.entries, checked.problems, checked.remarks) == ("intact", LENGTH, (), ())
    assert json.loads(ledger.head_path.read_text()) == {"sequence": LENGTH, "hash": checked.hash}


@pytest.mark.parametrize("place", range(LENGTH))
def test_any_flipped_bit_is_found_at_its_line(ledger: Ledger, place: int) -> None:
    chance = random.Random(place)
    content = bytearray(ledger.path.read_bytes())
    lines = content.split(b"\n")
    start = sum(len(line) + 1 for line in lines[:place])
    content[start + chance.randrange(len(lines[place]))] ^= 1 << chance.randrange(8)
    ledger.path.write_bytes(content)
    problems = found(ledger)
    assert problems
    assert problems[0][0] in (place + 1, None)


def test_an_altered_line_is_named(ledger: Ledger) -> None:
    lines = lines_of(ledger)
    lines[4] = lines[4].replace('"why":"a reason"', '"why":"another"')
    rewrite(ledger, lines)
    assert found(ledger) == [(5, "entry 5 was altered: its text and its hash do not belong together")]


@pytest.mark.parametrize("place", range(LENGTH))
def test_a_line_altered_with_a_hash_that_fits_is_found(ledger: Ledger, place: int) -> None:
    lines = lines_of(ledger)
    lines[place] = rechained(lines[place], who="somebody else")
    rewrite(ledger, lines)
    ((line, what),) = found(ledger)
    if place == LENGTH - 1:
        assert (line, what) == (
            LENGTH,
            f"entry {LENGTH} is not the one that ledger.head names: altered or replaced",
        )
    else:
        assert line == place + 2
        assert f"does not continue entry {place + 1}" in what


@pytest.mark.parametrize("place", range(LENGTH - 1))
def test_a_removed_line_is_named(ledger: Ledger, place: int) -> None:
    lines = lines_of(ledger)
    del lines[place]
    rewrite(ledger, lines)
    assert found(ledger) == [
        (place + 1, f"entry {place + 1} is missing before entry {place + 2}: removed or moved")
    ]


def test_two_lines_that_changed_places_are_named(ledger: Ledger) -> None:
    lines = lines_of(ledger)
    lines[3], lines[4] = lines[4], lines[3]
    rewrite(ledger, lines)
    assert [line for line, _ in found(ledger)] == [4, 5, 6]


@pytest.mark.parametrize("inserted", ["repeated", "forged", "text"])
def test_an_inserted_line_is_named(ledger: Ledger, inserted: str) -> None:
    lines = lines_of(ledger)
    new = {
        "repeated": lines[2],
        "forged": rechained(lines[5], sequence=7, previous=json.loads(lines[5])["hash"]),
        "text": "hello",
    }[inserted]
    lines.insert(6, new)
    rewrite(ledger, lines)
    assert found(ledger)[0][0] in (7, 8)


@pytest.mark.parametrize("kept", [0, 1, LENGTH - 1])
def test_a_tail_that_was_cut_off_is_found_by_the_head_file(ledger: Ledger, kept: int) -> None:
    rewrite(ledger, lines_of(ledger)[:kept])
    ((line, what),) = found(ledger)
    assert line is None
    assert f"ends at entry {kept}" in what
    assert f"ledger.head names entry {LENGTH}" in what


def test_what_goes_on_after_a_cut_leaves_the_gap_visible(ledger: Ledger) -> None:
    rewrite(ledger, lines_of(ledger)[:5])
    ledger.append(Note("reused", {}))
    assert found(ledger) == [
        (6, f"entries 6 to {LENGTH} are missing before entry {LENGTH + 1}: removed or moved")
    ]


def test_a_cut_with_its_head_written_anew_is_found_by_what_others_noted(ledger: Ledger) -> None:
    noted = check_ledger(ledger).hash
    assert noted is not None
    lines = lines_of(ledger)[:-3]
    rewrite(ledger, lines)
    last = json.loads(lines[-1])
    ledger.head_path.write_text(canonical_json({"sequence": last["sequence"], "hash": last["hash"]}) + "\n")
    assert found(ledger) == []  # nothing inside can tell
    assert found(ledger, Anchor("--head", None, noted)) == [(None, "no entry has the hash that --head names")]
    ((_, what),) = found(ledger, Anchor("the seal of the published file", LENGTH, noted))
    assert "its end was cut off" in what


def test_a_missing_head_file_is_found_and_told_by_the_next_entry(ledger: Ledger) -> None:
    ledger.head_path.unlink()
    assert found(ledger) == [(None, "ledger.head is missing: a tail cut off might not be noticed")]
    ledger.append(Note("reused", {}))
    assert found(ledger) == []
    assert [entry.facts for entry in ledger.entries() if entry.action == "recovered"] == [
        {"head_file": "missing or unreadable"}
    ]


@pytest.mark.parametrize("missing", [1, 20, 200])
def test_a_line_cut_short_loses_no_other_and_is_told(ledger: Ledger, missing: int) -> None:
    """As a power loss leaves it: part of the next line is on the disk, the head file is one behind."""
    head = ledger.head_path.read_bytes()
    ledger.append(Note("created", {"study_id": "S"}))
    ledger.path.write_bytes(ledger.path.read_bytes()[:-missing])
    ledger.head_path.write_bytes(head)
    checked = check_ledger(ledger)
    assert (checked.state, checked.entries) == ("intact", LENGTH + (missing == 1))
    assert len(checked.remarks) == 1
    ledger.append(Note("created", {"study_id": "S"}))
    checked = check_ledger(ledger)
    assert (checked.state, len(checked.remarks)) == ("intact", 0 if missing == 1 else 1)
    told = [entry for entry in ledger.entries() if entry.action == "recovered"]
    assert [entry.facts["line_cut_short"]["was_whole"] for entry in told] == [missing == 1]
    assert checked.entries == LENGTH + (missing == 1) + 2


def test_a_writer_killed_between_its_first_line_and_the_head_file_broke_nothing(tmp_path: Path) -> None:
    ledger, head_of_none = Ledger(tmp_path), json.dumps({"hash": "0" * 64, "sequence": 0})
    ledger.append(Note("reused", {"study_id": "S", "run_id": "0" * 64}))
    ledger.head_path.write_text(head_of_none, encoding="utf-8")
    assert check_ledger(ledger).problems == ()
    ledger.append(Note("reused", {"study_id": "S", "run_id": "1" * 64}))
    found = check_ledger(ledger)
    assert (found.state, found.entries) == ("intact", 3)
    ledger.head_path.write_text(head_of_none[:-1], encoding="utf-8")
    assert "cannot be read" in check_ledger(ledger).problems[0].what


def test_what_a_recovery_speaks_of_cannot_be_changed_later(ledger: Ledger) -> None:
    with ledger.path.open("a") as file:
        file.write('{"sequence": 13, "at')
    ledger.append(Note("created", {}))
    assert found(ledger) == []
    lines = lines_of(ledger)
    lines[LENGTH] += "x"
    rewrite(ledger, lines)
    assert found(ledger) == [(LENGTH + 1, "it is no entry of the ledger: damaged or inserted")]


def test_an_altered_last_line_is_not_taken_for_one_cut_short(ledger: Ledger) -> None:
    rewrite(ledger, [*lines_of(ledger)[:-1], "garbage"])
    ledger.append(Note("created", {}))
    problems = found(ledger)
    assert problems[0] == (LENGTH, "it is no entry of the ledger: damaged or inserted")


def test_a_ledger_of_an_earlier_version_is_kept_and_the_chain_starts_with_its_hash(tmp_path: Path) -> None:
    old = tmp_path / "ledger.jsonl"
    old.write_text(
        '{"action":"created","at":"2025-01-01T00:00:00+00:00","run_id":"1","study_id":"S"}\n{"at": "20\n'
    )
    before = sha256_file(old)
    ledger = Ledger(tmp_path)
    ledger.append(Note("reused", {"study_id": "S", "run_id": "2"}))
    assert sha256_file(ledger.before_path) == before
    first = next(ledger.entries())
    assert first.facts == {"earlier_ledger": {"file": ledger.before_path.name, "sha256": before}}
    assert ledger.history("S") == ["1", "2"]
    assert found(ledger) == []
    ledger.before_path.write_text("other")
    assert found(ledger) == [(None, f"{ledger.before_path.name} is not the file that entry 1 names: altered")]
    ledger.before_path.unlink()
    assert found(ledger) == [(None, f"{ledger.before_path.name} is missing, and entry 1 names it")]


def test_a_full_disk_leaves_no_half_entry(ledger: Ledger) -> None:

    before = ledger.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 50, hard))
    try:
        with pytest.raises(StoreError, match="the ledger cannot be written"):
            ledger.append(Note("created", {}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ledger.path.read_bytes() == before
    assert found(ledger) == []


def _write_many(runs: Path, name: str) -> None:
    os.environ["REGRADE_ACTOR"] = name
    for number in range(10):
        Ledger(runs).append(Note("reused", {"number": number}), Note("reused", {"number": number}))


def test_writers_at_the_same_time_make_one_chain(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(tmp_path, name)) for name in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    checked = check_ledger(Ledger(tmp_path))
    assert (checked.state, checked.entries) == ("intact", 4 * 10 * 2 + 1)


# The command line


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("looked") / "home").ensure()
    write_tiny_study(home, "TINY")
    assert regrade(home, "run", "--reason", "first look", "TINY").exit_code == 0
    return home


@pytest.fixture
def home(looked_at: Home, tmp_path: Path) -> Home:
    return copy_home(looked_at, tmp_path / "home")


def actions(home: Home) -> list[str]:
    return [entry.action for entry in Ledger(home.runs).entries()]


def test_what_commands_do_is_told_with_the_reason(home: Home, tmp_path: Path) -> None:
    first = ["opened", "created", "release_first_run", "current_changed", "published"]
    assert actions(home) == first
    assert {entry.why for entry in Ledger(home.runs).entries()} == {"first look"}
    write_tiny_study(home, "TINY", grade="2")
    assert regrade(home, "run").exit_code == 0
    assert actions(home)[5:] == ["created", "current_changed", "published"]
    assert regrade(home, "run", "--release", "1.0.0", "TINY").exit_code == 0
    assert actions(home)[8:] == ["created", "release_first_run", "published"]
    with (home.landing / "TINY" / "study.yaml").open("a") as manifest:
        manifest.write("mapping_release: 1.0.0\n")
    assert regrade(home, "run").exit_code == 0
    assert actions(home)[11:] == ["created", "current_changed", "release_changed", "published"]
    assert regrade(home, "export", str(tmp_path / "copy"), "--reason", "for the statistician").exit_code == 0
    assert regrade(home, "deliver", "TINY", str(tmp_path / "handed")).exit_code == 0
    told = list(Ledger(home.runs).entries())[15:]
    assert [(entry.action, entry.why) for entry in told] == [
        ("exported", "for the statistician"),
        ("delivered", None),
    ]
    assert check_ledger(Ledger(home.runs)).state == "intact"
    text = (home.runs / "ledger.jsonl").read_text()
    assert "TINY-S0001" not in text
    assert str(home.root) not in text
    assert RunStore(home.runs).current("TINY") is not None


def test_the_ledger_is_shown_and_checked(home: Home) -> None:
    shown = regrade(home, "ledger")
    assert shown.exit_code == 0
    assert "first look" in shown.stdout
    entries = json.loads(regrade(home, "ledger", "--json", "--last", "2").stdout)["entries"]
    assert [entry["action"] for entry in entries] == ["current_changed", "published"]
    checked = regrade(home, "ledger", "check", "--head", entries[0]["hash"])
    assert (checked.exit_code, checked.stdout.split(":")[0]) == (0, "intact")
    assert regrade(home, "ledger", "check", "--head", "0" * 64).exit_code == 1
    assert regrade(home, "ledger", "check", "--head", "zz").exit_code == 2


def test_a_broken_ledger_is_said_by_check_and_status_and_stops_nothing(home: Home) -> None:
    ledger = Ledger(home.runs)
    lines = lines_of(ledger)
    lines[1] = lines[1].replace("first look", "first book")
    rewrite(ledger, lines)
    checked = regrade(home, "ledger", "check")
    assert checked.exit_code == 1
    assert "line 2: entry 2 was altered" in checked.stdout
    assert "next: put runs/ledger.jsonl and runs/ledger.head back" in checked.stdout
    for shown in (regrade(home, "ledger"), regrade(home, "ledger", "--json", "--last", "1")):
        assert shown.exit_code == 1
        assert "the ledger is broken, what is printed is not all of it" in shown.stderr
    answer = json.loads(regrade(home, "ledger", "check", "--json").stdout)
    assert (answer["state"], answer["problems"][0]["line"]) == ("broken", 2)
    status = regrade(home, "status")
    assert status.exit_code == 1
    assert "ledger     BROKEN: line 2" in status.stdout
    assert regrade(home, "run").exit_code == 0
    assert [line for line, _ in found(ledger)] == [2]


def test_the_seal_of_the_published_file_holds_the_ledger(home: Home) -> None:
    ledger = Ledger(home.runs)
    ledger.path.unlink()
    ledger.head_path.unlink()
    checked = regrade(home, "ledger", "check")
    assert checked.exit_code == 1
    assert "the seal of the published file names entry 5" in checked.stdout


def test_a_home_without_a_ledger_says_so(tmp_path: Path) -> None:
    home = Home(tmp_path).ensure()
    done = regrade(home, "ledger", "check")
    assert (done.exit_code, done.stdout.split(":")[0]) == (2, "absent")
    home.runs.joinpath("ledger.jsonl").mkdir()
    unreadable = regrade(home, "ledger", "check")
    assert unreadable.exit_code == 2
    assert "cannot be read" in unreadable.stderr


def test_a_correction_is_a_new_entry(home: Home) -> None:
    before = Ledger(home.runs).path.read_bytes()
    assert regrade(home, "ledger", "correct", "99", "--reason", "x").exit_code == 1
    assert regrade(home, "ledger", "correct", "2", "--reason", " ").exit_code == 1
    assert Ledger(home.runs).path.read_bytes() == before
    done = regrade(home, "ledger", "correct", "2", "--reason", "the data cut was that of May")
    assert done.exit_code == 0, done.stderr
    assert Ledger(home.runs).path.read_bytes().startswith(before)
    *_, last = Ledger(home.runs).entries()
    assert (last.action, last.facts["corrects"], last.why) == ("corrected", 2, "the data cut was that of May")
    assert check_ledger(Ledger(home.runs)).state == "intact"
