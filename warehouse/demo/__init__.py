"""The generator of the made-up demo study. Nothing here is read by the pipeline."""
