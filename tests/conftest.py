"""Hypothesis profiles: the same examples on every run; `REGRADE_LONG=1` looks much longer."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "regrade",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=2000 if os.environ.get("REGRADE_LONG") else 15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("regrade")
