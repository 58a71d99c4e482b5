"""`python -m pipelines.cli`: the same commands where the script is not on the path."""

from pipelines.cli.app import main

main()
