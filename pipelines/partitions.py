"""Partitions: the study, and nothing else.

What may live here: the partition definition and its registration from the landing folder. What may
not: assets. A mapping release or a subject is data inside a run, never a partition.
"""

from __future__ import annotations

from typing import Final

import dagster as dg

from pipelines.home import Home

STUDIES: Final = dg.DynamicPartitionsDefinition(name="study")


def new_studies(instance: dg.DagsterInstance, home: Home) -> list[str]:
    """Studies of the landing folder that are not registered yet, sorted."""
    return sorted(set(home.studies()) - set(instance.get_dynamic_partitions("study")))


def register_studies(instance: dg.DagsterInstance, home: Home) -> list[str]:
    """Register the studies of the landing folder; returns the new ones. None is ever taken away."""
    added = new_studies(instance, home)
    instance.add_dynamic_partitions("study", added)
    return added
