"""`regrade init`: print what the proposed manifest assumes. The proposal itself is made in ingest."""

from __future__ import annotations

from pathlib import Path

from pipelines.cli.failures import OK
from pipelines.cli.init_manifest import propose_manifest, refuse_existing, write_manifest
from pipelines.cli.output import print_json, visible
from pipelines.home import home_if_any


def run_init(folder: Path, force: bool, home_option: str | None, as_json: bool) -> int:
    """Write study.yaml into the folder; a bare name is also looked for under landing."""
    chosen = _locate(folder, home_option)
    refuse_existing(chosen, force=force)
    proposal = propose_manifest(chosen)
    write_manifest(proposal, force=force)
    if as_json:
        print_json({"manifest": str(proposal.path), "assumptions": list(proposal.assumptions)})
        return OK
    print(f"wrote {visible(proposal.path)}")
    print("assumed, for you to confirm:")
    for assumption in proposal.assumptions:
        print(f"  - {visible(assumption)}")
    print(f"next: confirm the lines marked ASSUMED, {_next_step(chosen, home_option)}")
    return OK


def _locate(folder: Path, home_option: str | None) -> Path:
    if folder.is_dir() or folder.is_absolute():
        return folder
    home = home_if_any(home_option)
    if home is None:
        return folder
    landed = home.landing / (folder.relative_to("landing") if folder.parts[:1] == ("landing",) else folder)
    return landed if landed.is_dir() else folder


def _next_step(folder: Path, home_option: str | None) -> str:
    name = folder.resolve().name
    home = home_if_any(home_option)
    if home is None:
        return f"put the folder into landing/ of a data home, then: regrade run {name} --home FOLDER"
    if folder.resolve().parent == home.landing.resolve():
        return f"then run: regrade run {name}"
    return f"move the folder to {home.landing}, then run: regrade run {name}"
