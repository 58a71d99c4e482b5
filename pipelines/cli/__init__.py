"""The command `regrade`: what a person types. Nothing heavy is imported before a command needs it.

What may live here: commands, messages, printing. What may not: results (they come from
`pipelines.stages` and the warehouse) and any rule. Entry point: `pipelines.cli:main`.

Exit codes, the same for every command:

    0    the command did all it was asked
    1    a study failed, or an input (file, manifest, query, identifier) is wrong
    2    the command line itself is wrong
    130  interrupted (Ctrl-C)
"""

from pipelines.cli.app import main

__all__ = ["main"]
