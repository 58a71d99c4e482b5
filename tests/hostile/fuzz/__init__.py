"""Fuzzing: whatever the bytes, an error that names the file, or cells that are in it.

`python -m tests.hostile.fuzz --files 100000` is the long form; the suite runs a short one
(`test_fuzz_short.py`) and every case ever found (`test_regressions.py`).
"""
