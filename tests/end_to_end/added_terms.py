"""A study with one term that release 1.1.0 adds, one that both releases know and one that neither does."""

from __future__ import annotations

from pathlib import Path

from pipelines.home import Home
from tests.end_to_end.homes import write_study

OLD, NEW = "1.0.0", "1.1.0"
STUDY = "ADDED"
MANIFEST = """\
manifest_version: 1
study: {study}
files:
  - {{path: ae.csv, role: adverse_events}}
  - {{path: dm.csv, role: subjects}}
grading: {{scale: ctcae, version: "4.03"}}
infusions: {{source: reference_start}}
mapping_release: "{release}"
"""
EVENTS = """\
USUBJID,AESEQ,AETERM,AEDECOD,AEBODSYS,AETOXGR,AESTDTC,AEENDTC
A-1,1,x,Parosmia,Nervous system disorders,2,2017-03-04,2017-03-06
A-2,1,x,Encephalopathy,Nervous system disorders,3,2017-03-04,2017-03-06
A-3,1,x,Quibbling of the mind,Nervous system disorders,3,2017-03-05,2017-03-05
"""
SUBJECTS = (
    "USUBJID,AGE,AGEU,RFSTDTC\nA-1,54,YEARS,2017-03-01\nA-2,61,YEARS,2017-03-01\nA-3,47,YEARS,2017-03-02\n"
)


def added(home: Home, study: str = STUDY, release: str = OLD, more: str = "") -> Path:
    """A study with one term that 1.1.0 adds, one that both know and one that neither does."""
    manifest = MANIFEST.format(study=study, release=release) + more
    return write_study(home, study, {"study.yaml": manifest, "ae.csv": EVENTS, "dm.csv": SUBJECTS})
