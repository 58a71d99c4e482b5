"""`python -m pipelines.engines.spark`: the kernel on Spark, for spark-submit and jobs of a cluster.

    run STUDY ...   as `regrade run --engine spark`: landing folder to run folder and published file
    grade           checked tables of a folder or URL to directories of result tables, on Spark's filesystems

What may live here: options and messages. What may not: work of any kind.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.cli.failures import FAILED, OK, describe
from pipelines.cli.output import say
from pipelines.engines.spark.grading import write_directories
from pipelines.engines.spark.session import spark_session
from pipelines.home import Home, resolve_home
from pipelines.ingest.study import read_manifest
from pipelines.stages import resolve_release


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked; an exit code of the command line."""
    asked = _parser().parse_args(arguments)
    try:
        return _run(asked) if asked.command == "run" else _grade(asked)
    except KeyboardInterrupt:
        raise
    except Exception as failure:
        say(f"regrade: {describe(failure)}")
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines.engines.spark", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="studies of the landing folder to run folders and published file")
    run.add_argument("studies", metavar="STUDY", nargs="*", help="studies to run; all when left out")
    run.add_argument("--home", type=_home, metavar="FOLDER", help="data home; else REGRADE_HOME")
    run.add_argument("--shared", type=Path, metavar="FOLDER", help="folder that driver and workers share")
    grade = commands.add_parser("grade", help="checked tables to directories of result tables")
    grade.add_argument("--checked", required=True, metavar="URL", help="where <table>.parquet are")
    grade.add_argument("--study", required=True, type=Path, metavar="FOLDER", help="folder with study.yaml")
    grade.add_argument("--out", required=True, metavar="URL", help="where directories are made")
    grade.add_argument(
        "--home", type=_home, metavar="FOLDER", help="data home of overlays and MedDRA, where used"
    )
    for command in (run, grade):
        command.add_argument("--release", metavar="ID", help="mapping release; the study's own when left out")
        command.add_argument(
            "--master", metavar="URL", help="local[2], spark://...; that of spark-submit else"
        )
        command.add_argument(
            "--shards", type=int, metavar="N", help="ranges of subjects; by size when left out"
        )
    return parser


def _home(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; name a folder, or leave --home out")
    return text


def _run(asked: argparse.Namespace) -> int:
    from pipelines.cli.running import run_on_spark  # noqa: PLC0415 - brings the whole program

    return run_on_spark(
        asked.home,
        asked.studies,
        release_id=asked.release,
        master=asked.master,
        shards=asked.shards,
        shared=asked.shared,
    )


def _grade(asked: argparse.Namespace) -> int:
    manifest = read_manifest(asked.study)
    needs_home = manifest.mapping_overlays or manifest.meddra is not None
    home = resolve_home(asked.home) if needs_home else Home(asked.study)
    release = resolve_release(home, manifest, asked.release)
    with spark_session(asked.master) as session:
        rows = write_directories(session, asked.checked, release, manifest, asked.out, asked.shards)
    for name, count in rows.items():
        print(f"{count:>15,}  {name}")
    return OK


if __name__ == "__main__":
    sys.exit(main())
