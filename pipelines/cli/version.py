"""Which version this is. What may not live here: anything that needs more than the metadata."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def version_line() -> str:
    """`regrade` and the version of the installed package, or of the checkout it runs from."""
    try:
        return f"regrade {version('icans-regrade')}"
    except PackageNotFoundError:
        from pipelines.home import checkout_root, project_version  # noqa: PLC0415 - loads the schemas

        root = checkout_root()
        return f"regrade {project_version(root) if root else 'unknown'} (checkout)"
