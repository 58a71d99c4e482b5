"""The Dagster code location with real instances and real tiny studies."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from mappings.loader import list_releases
from mappings.problem import Problem
from pipelines import mapping_comparisons, report_pages, stages
from pipelines.assets.metadata import PREVIEW_COLUMNS, table_schema
from pipelines.checks import (
    CHECK_SPECS,
    MAPPING_CHECK_SPECS,
    MAPPING_RULES,
    RULE_IDS,
    mapping_check_results,
)
from pipelines.definitions import defs
from pipelines.home import Home
from pipelines.partitions import STUDIES, register_studies
from pipelines.resources import DataHome
from pipelines.sensors import landing_folder
from pipelines.stages import STAGES
from schemas.registry import TABLES
from tests.end_to_end.homes import ask
from tests.end_to_end.tiny_studies import NARRATIVE, write_tiny_study
from warehouse.run_store import RunStore

CHECKOUT = Path(__file__).resolve().parents[2]
MAPPING_ASSETS = ("mapping_releases", "mapping_diffs", "mapping_impact")
REPORTS = ("scale_diff_report", "run_diff_report")
PARALLEL = ("P1", "P2", "P3", "P4")
RUN_ONE = """
import sys
import dagster as dg
from pipelines.definitions import defs

with dg.DagsterInstance.ephemeral() as instance:
    instance.add_dynamic_partitions("study", [sys.argv[1]])
    result = defs.get_repository_def().get_job("regrade_study").execute_in_process(
        partition_key=sys.argv[1], instance=instance
    )
    sys.exit(0 if result.success else 1)
"""


def job() -> dg.JobDefinition:
    return defs.get_repository_def().get_job("regrade_study")


class Materialised:
    """One study taken through the whole graph in process, and what the event log says of it."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root).ensure()
        write_tiny_study(self.home, "TINY")
        self.instance = dg.DagsterInstance.ephemeral()
        self.registered = register_studies(self.instance, self.home)
        self.result = job().execute_in_process(
            partition_key="TINY",
            instance=self.instance,
            resources={"data_home": DataHome(path=str(root))},
        )

    def described(self, asset: str) -> Mapping[str, dg.MetadataValue[object]]:
        (event,) = self.result.asset_materializations_for_node(asset)
        return event.metadata

    def checks(self) -> dict[tuple[str, str], dg.AssetCheckEvaluation]:
        evaluations = (
            event.asset_check_evaluation_data
            for event in self.result.all_events
            if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        )
        return {(each.asset_key.to_user_string(), each.check_name): each for each in evaluations}

    def metadata(self, asset: str) -> dict[str, object]:
        return {key: value.value for key, value in self.described(asset).items()}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Materialised]:
    with pytest.MonkeyPatch.context() as patched:
        # Sources that are being edited would otherwise make each run another one.
        patched.setattr(stages, "code_sha256", lambda: "c" * 64)
        materialised = Materialised(tmp_path_factory.mktemp("home"))
        with materialised.instance:
            yield materialised


def test_the_code_location_loads_with_the_assets_in_order() -> None:
    dg.Definitions.validate_loadable(defs)
    graph = defs.resolve_asset_graph()
    order = [key.to_user_string() for key in graph.toposorted_asset_keys]
    assert sorted(order) == sorted([*STAGES, *MAPPING_ASSETS, "published", *REPORTS])
    assert [name for name in order if name in STAGES] == list(STAGES)
    partitioned = {name for name in order if graph.get(dg.AssetKey(name)).partitions_def == STUDIES}
    assert partitioned == {*STAGES, *REPORTS}


def test_pyproject_names_the_code_location() -> None:
    assert 'module_name = "pipelines.definitions"' in (CHECKOUT / "pyproject.toml").read_text()


def test_importing_the_definitions_reads_no_data_and_no_environment(tmp_path: Path) -> None:
    code = (
        "import sys; seen = []\n"
        "sys.addaudithook(lambda e, a: seen.append(str(a[0])) if e == 'open' else None)\n"
        "import pipelines.definitions\n"
        "print('\\n'.join(seen))"
    )
    completed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        env={**os.environ, "REGRADE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    # The README puts the installed packages into the checkout; they are not ours.
    ours = [
        line
        for line in completed.stdout.splitlines()
        if line.startswith(str(CHECKOUT)) and not line.startswith(sys.prefix)
    ]
    assert ours
    assert [line for line in ours if not re.search(r"\.pyc?(\.\d+)?$", line)] == []
    assert not (tmp_path / "home").exists()


def test_the_landing_folder_gives_the_partitions(done: Materialised) -> None:
    assert done.registered == ["TINY"]
    assert register_studies(done.instance, done.home) == []


def test_the_sensor_registers_new_studies_and_then_has_nothing_to_do(tmp_path: Path) -> None:
    home = Home(tmp_path).ensure()
    for study in ("NEW-1", "NEW-2"):
        write_tiny_study(home, study)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(
            instance=instance, resources={"data_home": DataHome(path=str(tmp_path))}
        )
        found = landing_folder(context)
        assert isinstance(found, dg.SensorResult)
        (request,) = found.dynamic_partitions_requests or ()
        assert list(request.partition_keys) == ["NEW-1", "NEW-2"]
        instance.add_dynamic_partitions("study", list(request.partition_keys))
        again = landing_folder(context)
        assert isinstance(again, dg.SensorResult)
        assert again.skip_reason is not None


def test_one_job_takes_a_study_to_the_published_file(done: Materialised) -> None:
    assert done.result.success
    run = RunStore(done.home.runs).current("TINY")
    assert run is not None
    with duckdb.connect(str(done.home.database), read_only=True) as connection:
        assert connection.execute("SELECT run_id FROM core_runs").fetchall() == [(run.run_id,)]
    assert done.metadata("diffs")["run_id"] == run.run_id
    assert done.metadata("diffs")["run_folder"] == str(run.folder)
    assert done.metadata("published")["path"] == str(done.home.database)


def test_each_stage_says_its_tables_their_rows_and_hashes(done: Materialised) -> None:
    run = RunStore(done.home.runs).current("TINY")
    assert run is not None
    for stage in STAGES:
        metadata = done.metadata(stage)
        tables = [file for file in run.tables.values() if file.stage == stage]
        assert tables
        for file in tables:
            assert metadata[f"{file.name}/rows"] == file.rows
            assert metadata[f"{file.name}/sha256"] == file.sha256
    assert done.metadata("graded")["dagster/row_count"] == 3


def test_columns_come_from_the_schemas(done: Materialised) -> None:
    shown = done.metadata("graded")["core_event_grades/columns"]
    assert shown == table_schema(TABLES["core_event_grades"])
    by_name = {column.name: column for column in table_schema(TABLES["core_event_grades"]).columns}
    assert by_name["point"].constraints.nullable
    assert not by_name["low"].constraints.nullable
    assert by_name["low"].description == "Lowest ICANS grade consistent with the record"


def test_previews_are_short_and_hold_listed_columns_only(done: Materialised) -> None:
    previews = 0
    for stage in STAGES:
        for value in done.described(stage).values():
            if isinstance(value, dg.TableMetadataValue):
                previews += 1
                assert len(value.records) <= 50
                assert {name for record in value.records for name in record.data} <= PREVIEW_COLUMNS
    assert previews > 20


def test_no_preview_column_can_identify_a_subject() -> None:
    identifying = re.compile(
        r"subject_id|event_id|text$|term|date|time$|earliest$|latest$|^age|^sex|^arm|cells|example|source_row"
    )
    day_numbers = {"onset_day_earliest", "onset_day_latest"}
    assert {name for name in PREVIEW_COLUMNS if identifying.search(name)} == day_numbers


def test_the_event_log_holds_no_subject_no_narrative_and_no_date(done: Materialised) -> None:
    log = "\n".join(entry.to_json() for entry in done.instance.all_logs(done.result.run_id))
    assert "core_event_grades/preview" in log
    for secret in ("S0001", "S0002", "S0003", NARRATIVE, "blue lamp", "quibbling", "Quibbling", "2017-03"):
        assert secret not in log


def test_each_rule_has_a_check_and_each_result_is_of_the_study(done: Materialised) -> None:
    results = {name: result for (asset, name), result in done.checks().items() if asset == "checked"}
    assert set(results) == {spec.name for spec in CHECK_SPECS}
    assert {result.partition for result in results.values()} == {"TINY"}
    missing = results["CHK_SUBJECT_MISSING"]
    assert not missing.passed
    assert missing.severity == dg.AssetCheckSeverity.ERROR
    assert not missing.blocking
    assert missing.metadata["count"].value == 1
    assert results["CHK_ONSET_PARTIAL"].severity == dg.AssetCheckSeverity.WARN
    assert results["CHK_SEDATION_UNDATED"].passed
    assert results["CHK_SEDATION_UNDATED"].metadata["status"].value == "not_applicable"
    assert results["other_rules"].metadata["status"].value == "not_applicable"


def test_mapping_releases_their_diffs_and_impacts_are_assets(done: Materialised) -> None:
    shown = done.described("mapping_releases")["releases"]
    assert isinstance(shown, dg.TableMetadataValue)
    assert [record.data["release_id"] for record in shown.records] == list(list_releases())
    pairs = {("1.0.0", "1.1.0")}
    assert pairs <= set(ask(done.home, "SELECT old_release_id, new_release_id FROM diff_mapping_rows").rows())
    compared = ask(done.home, "SELECT study_id, new_release_id FROM diff_mapping_studies").rows()
    assert compared == [("TINY", list_releases()[-1])]
    assert set(ask(done.home, "SELECT release_id FROM map_releases")["release_id"]) == set(list_releases())


def test_every_curation_rule_is_a_check_of_the_releases(done: Materialised) -> None:
    checks = {name: result for (asset, name), result in done.checks().items() if asset == "mapping_releases"}
    assert set(checks) == {spec.name for spec in MAPPING_CHECK_SPECS}
    assert "KIND_TAMPERED" in checks
    assert done.checks()["mapping_impact", "all_computed"].passed


def test_problems_of_releases_fail_the_check_of_their_rule_or_kind() -> None:
    place = ("1.0.0", "grades.tsv")
    problems = [
        Problem("content", *place, MAPPING_RULES[0], "wrong", "correct it", 7, "low", "9"),
        Problem("tampered", *place, "MAP-LOCK-TAMPERED", "changed", "restore it"),
    ]
    failed = {result.check_name: result for result in mapping_check_results(problems) if not result.passed}
    assert set(failed) == {MAPPING_RULES[0].replace("-", "_"), "KIND_TAMPERED"}
    first = failed["KIND_TAMPERED"].metadata["first"].value
    assert first == "- 1.0.0/grades.tsv: changed. Next: restore it"


def test_a_comparison_that_fails_costs_no_publication(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(mapping_comparisons, "preview_impact", broken)
    home = Home(tmp_path).ensure()
    write_tiny_study(home, "TINY")
    with dg.DagsterInstance.ephemeral() as instance:
        register_studies(instance, home)
        result = job().execute_in_process(
            partition_key="TINY", instance=instance, resources={"data_home": DataHome(path=str(tmp_path))}
        )
    assert result.success
    failed = [
        event.asset_check_evaluation_data
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        and event.asset_check_evaluation_data.asset_key == dg.AssetKey("mapping_impact")
    ]
    assert [check.passed for check in failed] == [False]
    assert "for TINY: unexpected ZeroDivisionError" in str(failed[0].metadata["failures"].value)
    assert ask(home, "SELECT study_id FROM core_studies").rows() == [("TINY",)]
    assert ask(home, "SELECT * FROM diff_mapping_studies").is_empty()


def test_reports_are_pages_that_open_from_the_metadata(done: Materialised) -> None:
    shown = done.described("scale_diff_report")
    page = Path(str(shown["path"].value))
    assert shown["page"].value == page.as_uri()
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    for secret in ("S0001", "S0002", "S0003", NARRATIVE):
        assert secret not in text
    assert isinstance(shown["tables"].value, int)
    assert shown["tables"].value > 10
    # A first run has nothing to be compared with, which is no failure.
    assert set(done.metadata("run_diff_report")) == {"tables", "figures"}
    assert all(done.checks()[asset, "report_made"].passed for asset in REPORTS)


def test_a_second_run_is_compared_with_the_first(tmp_path: Path) -> None:
    home = Home(tmp_path).ensure()
    with dg.DagsterInstance.ephemeral() as instance:
        for grade in ("3", "4"):
            write_tiny_study(home, "TINY", grade)
            register_studies(instance, home)
            result = job().execute_in_process(
                partition_key="TINY",
                instance=instance,
                resources={"data_home": DataHome(path=str(tmp_path))},
            )
            assert result.success
    (event,) = result.asset_materializations_for_node("run_diff_report")
    page = Path(str(event.metadata["path"].value)).read_text(encoding="utf-8")
    assert "ae.csv" in page
    assert "S0001" not in page


def test_a_report_that_fails_costs_neither_run_nor_publication(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("S0001")

    for name in ("make_study_report", "compare_stored_runs"):
        monkeypatch.setattr(report_pages, name, broken)
    home = Home(tmp_path).ensure()
    with dg.DagsterInstance.ephemeral() as instance:
        for grade in ("3", "4"):
            write_tiny_study(home, "TINY", grade)
            register_studies(instance, home)
            result = job().execute_in_process(
                partition_key="TINY", instance=instance, resources={"data_home": DataHome(path=str(tmp_path))}
            )
    assert result.success
    said = {
        check.asset_key.to_user_string(): (check.passed, check.metadata["failure"].value)
        for check in (
            event.asset_check_evaluation_data
            for event in result.all_events
            if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        )
        if check.check_name == "report_made"
    }
    refused = (False, "unexpected ZeroDivisionError. Next: report this defect")
    assert said == dict.fromkeys(REPORTS, refused)
    assert ask(home, "SELECT max(source_grade) FROM diff_scale_subjects").item() == 4


def test_the_list_of_rules_is_that_of_the_sources() -> None:
    named: set[str] = set()
    for source in (CHECKOUT / "pipelines" / "ingest").rglob("*.py"):
        named |= set(re.findall(r'"((?:STG|CHK|CG|FB)[-0-9][-0-9A-Z]*)"', source.read_text(encoding="utf-8")))
    assert set(RULE_IDS) == named


def test_a_second_materialisation_does_no_work(done: Materialised) -> None:
    before = done.home.database.stat().st_mtime_ns
    again = job().execute_in_process(
        partition_key="TINY",
        instance=done.instance,
        resources={"data_home": DataHome(path=str(done.home.root))},
    )
    assert again.success
    assert done.home.database.stat().st_mtime_ns == before
    assert len(list((done.home.runs / "TINY").glob("*/run.json"))) == 1


def test_a_bad_study_fails_its_stage_and_the_published_rows_stay(tmp_path: Path) -> None:
    home = Home(tmp_path).ensure()
    for study in ("GOOD", "BAD"):
        write_tiny_study(home, study)
    (home.landing / "BAD" / "ae.csv").write_bytes(b"")
    resources = {"data_home": DataHome(path=str(tmp_path))}
    with dg.DagsterInstance.ephemeral() as instance:
        register_studies(instance, home)
        results = [
            job().execute_in_process(
                partition_key=study, instance=instance, resources=resources, raise_on_error=False
            )
            for study in ("GOOD", "BAD")
        ]
    assert [result.success for result in results] == [True, False]
    (failed,) = [event for event in results[1].all_events if event.is_step_failure]
    assert failed.step_key == "raw"
    with duckdb.connect(str(home.database), read_only=True) as connection:
        assert connection.execute("SELECT DISTINCT study_id FROM core_studies").fetchall() == [("GOOD",)]


def test_the_shipped_instance_configuration_loads_with_telemetry_off(tmp_path: Path) -> None:
    folder = Home(tmp_path).ensure_dagster()
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        assert instance.get_settings("telemetry") == {"enabled": False}


@pytest.mark.slow
def test_four_studies_in_processes_of_their_own_never_meet_a_lock(tmp_path: Path) -> None:
    home = Home(tmp_path).ensure()
    for study in PARALLEL:
        write_tiny_study(home, study)
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", RUN_ONE, study],
            cwd=CHECKOUT,
            env={**os.environ, "REGRADE_HOME": str(home.root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for study in PARALLEL
    ]
    outputs = [run.communicate(timeout=300)[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * 4, outputs
    assert not any("IOException" in output or "lock on file" in output for output in outputs)
    with duckdb.connect(str(home.database), read_only=True) as connection:
        rows = connection.execute("SELECT study_id, count(*) FROM core_event_grades GROUP BY 1 ORDER BY 1")
        assert rows.fetchall() == [(study, 3) for study in PARALLEL]


@pytest.mark.slow
def test_a_process_per_step_is_a_matter_of_configuration(tmp_path: Path) -> None:
    home = Home(tmp_path).ensure()
    write_tiny_study(home, "TINY")
    folder = home.ensure_dagster()
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        register_studies(instance, home)
        result = dg.execute_job(
            dg.reconstructable(job),
            instance=instance,
            run_config={
                "execution": {"config": {"processes": 2}},
                "resources": {"data_home": {"config": {"path": str(tmp_path)}}},
            },
            tags={"dagster/partition": "TINY"},
        )
        assert result.success
        own = [event for event in result.all_events if event.event_type_value == "STEP_WORKER_STARTING"]
        assert len(own) == len(STAGES) + len(MAPPING_ASSETS) + 1 + len(REPORTS)
    with duckdb.connect(str(home.database), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM core_event_grades").fetchall() == [(3,)]
