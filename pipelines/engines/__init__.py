"""Other ways to execute the same pure kernel than one process on one machine.

What may live here: moving tables to workers and results back, starting and stopping an engine, running
many studies at once. What may not: clinical rules, and anything that could make a result depend on the
engine: no engine is part of a run id, and the bytes of a run are the same from all of them.
"""
