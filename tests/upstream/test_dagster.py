"""What the code location relies on in Dagster."""

import warnings

import dagster as dg

STUDIES = dg.DynamicPartitionsDefinition(name="upstream_study")


def test_the_result_of_a_partitioned_check_carries_its_partition() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        spec = dg.AssetCheckSpec("rule", asset="checked", partitions_def=STUDIES)

    @dg.asset(partitions_def=STUDIES, check_specs=[spec])
    def checked() -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="rule", passed=False)])

    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("upstream_study", ["A"])
        result = dg.materialize([checked], partition_key="A", instance=instance)
    (evaluation,) = result.get_asset_check_evaluations()
    assert evaluation.partition == "A"
    assert result.success  # a failed check that does not block fails nothing


def test_a_job_may_hold_partitioned_and_unpartitioned_assets() -> None:
    @dg.asset(partitions_def=STUDIES)
    def diffs() -> None:
        return None

    @dg.asset(deps=["diffs"])
    def published() -> None:
        return None

    defs = dg.Definitions(
        assets=[diffs, published], jobs=[dg.define_asset_job("both", dg.AssetSelection.all())]
    )
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("upstream_study", ["A"])
        job = defs.get_repository_def().get_job("both")
        assert job.execute_in_process(partition_key="A", instance=instance).success


def test_partitioned_checks_are_still_a_preview() -> None:
    """When this fails the feature is settled and `pipelines.checks` need not silence the warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dg.AssetCheckSpec("rule", asset="checked", partitions_def=STUDIES)
    assert [entry.category for entry in caught] == [dg.PreviewWarning]
