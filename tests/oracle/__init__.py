"""A slow second opinion: the grading rules of GRADING.md read row by row, in plain Python.

Only dicts, dataclasses and loops live here; no data frames and nothing from `pipelines`. The kernel
must agree with it on every study the generative tests can think of. One module per rule family:
`interval` (hull, union), `terms` (3.3), `decisions` (3.1, 3.2, 3.4), `context` (3.5, 4.5 causes),
`placing` (3.5 window and infusions), `items` (4.2), `moments` (4.1, 4.3), `measured` (4.4), `reports` (rows
in context), `contradictions`, `subjects`, `days`, `episodes` (5), `comparison` (5 comparator, 6.1).
`astct` is no reading of a record: it is the ASTCT table for a patient of whom everything is known.
"""

from tests.oracle.contradictions import compare as compare_contradictions
from tests.oracle.release_index import Dictionary
from tests.oracle.study import Row, Study, Tables, compare, grade

__all__ = ["Dictionary", "Row", "Study", "Tables", "compare", "compare_contradictions", "grade"]
