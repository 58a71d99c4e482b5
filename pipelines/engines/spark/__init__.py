"""Spark: the kernel on Arrow batches of whole subjects, in a local session or on a cluster.

    session   starts a session, or takes the one there is, and turns Spark's failures into plain messages
    workers   what runs in the Python workers: splitting rows by subject, grading a shard
    grading   what the driver does: choosing shards, putting the parts together, writing directories
    __main__  `python -m pipelines.engines.spark`, for spark-submit and jobs

pyspark is an optional extra and is imported in no module before a session is asked for.
"""
