"""A Spark session: the one there is, else one of our own that leaves nothing behind.

What may live here: starting, configuring and stopping Spark, and its failures in plain words. What may
not: what is computed. pyspark is imported when a session is asked for, never before.
"""

# ruff: noqa: PLC0415 - pyspark is optional and slow to import
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipelines.engines.spark.workers import failure_of
from schemas.errors import RegradeError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOCAL: Final = "local[*]"
INSTALL: Final = "install it with: pip install 'icans-regrade[spark]'; it needs Java 17 or newer too"
_CODE_ROOT: Final = Path(__file__).resolve().parents[3]
_BYTES_AT_ONCE: Final = "32m"
"""Of rows handed to a worker at once: a block is a cell of some megabytes."""
_QUIET: Final = "PySpark does not yet fully support pandas"
_STOP_SECONDS: Final = 20


def require_spark() -> None:
    """Raises `RegradeError` with the pip command where pyspark, or the pandas it asks for, is missing."""
    missing = [name for name in ("pyspark", "pandas") if find_spec(name) is None]
    if missing:
        raise RegradeError(f"the Spark engine is not installed ({', '.join(missing)})", next_action=INSTALL)


@contextmanager
def spark_session(master: str | None = None) -> Iterator[SparkSession]:
    """The active session (Databricks, notebooks), that of spark-submit, or a new one, stopped at the end.

    `master` is for a new one: `local[*]` unless named. A new local session listens on 127.0.0.1 only, has no
    web interface, and keeps its log and shuffle files in a folder of its owner that goes with it. Raises
    `RegradeError` for whatever goes wrong in Spark; messages hold no data.
    """
    require_spark()
    with ExitStack() as closing:
        with plain_failures():
            session = _open(master, closing)
        yield session


def _open(master: str | None, closing: ExitStack) -> SparkSession:
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit has started the JVM and configured it
        session = SparkSession.builder.appName("icans-regrade").getOrCreate()
        closing.callback(session.stop)
        return session
    folder = closing.enter_context(
        tempfile.TemporaryDirectory(prefix="regrade-spark-", ignore_cleanup_errors=True)
    )
    return _open_own(master or LOCAL, Path(folder), closing)


def _open_own(master: str, folder: Path, closing: ExitStack) -> SparkSession:
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    conf = SparkConf(loadDefaults=False).setMaster(master).setAppName("icans-regrade")
    for key, value in settings(master, folder).items():
        conf.set(key, value)
    if master.startswith("local"):
        closing.enter_context(_environment("PYSPARK_PYTHON", sys.executable))
    with (folder / "spark.log").open("wb") as log:
        gateway = launch_gateway(conf, {"stdout": log, "stderr": log})
    closing.callback(_end, gateway)
    session = SparkSession(SparkContext(conf=conf, gateway=gateway))
    closing.callback(_stop, session)
    return session


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set a variable of the environment for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def settings(master: str, folder: Path) -> dict[str, str]:
    """Configuration of a session of our own."""
    chosen = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.driver.maxResultSize": "0",
    }
    if master.startswith("local"):
        chosen |= {
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.memory": "2g",
            "spark.local.dir": str(folder),
            # One thread per worker: there is a worker for each core.
            "spark.executorEnv.POLARS_MAX_THREADS": "1",
            "spark.executorEnv.PYTHONPATH": str(_CODE_ROOT),
        }
    return chosen


RUNTIME_SETTINGS: Final = {
    "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
    "spark.sql.execution.arrow.maxBytesPerBatch": _BYTES_AT_ONCE,
    "spark.sql.adaptive.enabled": "false",  # a shard is never split nor merged
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.caseSensitive": "true",
    "spark.sql.shuffle.partitions": "8",  # of counts only: shards say their own number
    # Blocks kept for several results: some of them at a time, as they are.
    "spark.sql.inMemoryColumnarStorage.batchSize": "8",
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
}
"""What the work relies on, whoever configured the session; put back afterwards."""


@contextmanager
def relied_on(session: SparkSession) -> Iterator[None]:
    """Run with RUNTIME_SETTINGS, then leave the session as it was found."""
    before = {key: session.conf.get(key, None) for key in RUNTIME_SETTINGS}
    for key, value in RUNTIME_SETTINGS.items():
        session.conf.set(key, value)
    try:
        yield
    finally:
        for key, old in before.items():
            if old is None:
                session.conf.unset(key)
            else:
                session.conf.set(key, old)


@contextmanager
def plain_failures() -> Iterator[None]:
    """Turn what Spark raises into a `RegradeError`: a worker's own words, else the class of the error.

    Silent about the version of pandas: pyspark asks for pandas, though no frame of it is made here.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=_QUIET)
            yield
    except (RegradeError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except Exception as failure:
        raise _in_plain_words(failure) from None


def _in_plain_words(failure: Exception) -> RegradeError:
    own = failure_of(str(failure))
    if own is not None:
        return own
    names = [type(failure).__name__]
    with suppress(Exception):
        names.append(str(failure.getCondition() or ""))  # type: ignore[attr-defined]
    name = " ".join(filter(None, names))
    if "JAVA_GATEWAY_EXITED" in name or "JAVA_GATEWAY_EXITED" in str(failure):
        return RegradeError(
            "Spark could not be started: Java did not answer",
            next_action="install Java 17 or newer, or set JAVA_HOME to it",
        )
    if "OutOfMemoryError" in str(failure):
        return RegradeError(
            "Spark's Java ran out of memory",
            next_action="give more shards (--shards N), or Spark more memory (spark.driver.memory, "
            "spark.executor.memory)",
        )
    return RegradeError(
        f"Spark could not do the work ({name})",
        next_action="check paths and the cluster's log; `regrade run` without --engine needs no Spark",
    )


def _stop(session: SparkSession) -> None:
    """Stop a session of our own, also when its JVM is gone: why that happened has been said."""
    with suppress(Exception), plain_failures():
        session.stop()


def _end(gateway: Any) -> None:
    """Close the gateway and wait for its JVM to leave; the next session gets a JVM of its own."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = None
    process: subprocess.Popen[bytes] = gateway.proc
    with suppress(Exception):
        gateway.shutdown()
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
