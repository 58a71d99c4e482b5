"""Studies of a few rows, written as a sponsor would write them, with ids and words nobody else uses."""

from __future__ import annotations

from pathlib import Path

from pipelines.home import Home

NARRATIVE = "patient woke confused beside the blue lamp"
_MANIFEST = """\
manifest_version: 1
study: {study}
files:
  - path: ae.csv
    role: adverse_events
  - path: dm.csv
    role: subjects
grading:
  scale: ctcae
  version: "4.03"
infusions:
  source: reference_start
"""
_EVENTS = """\
USUBJID,AESEQ,AETERM,AEDECOD,AEBODSYS,AETOXGR,AESTDTC,AEENDTC
{study}-S0001,1,{narrative},Encephalopathy,Nervous system disorders,{grade},2017-03-04,2017-03-06
{study}-S0001,2,bad head,Headache,Nervous system disorders,2,2017-03-05,2017-03-05
{study}-S0002,1,strange state,Quibbling of the mind,Nervous system disorders,3,2017-03,
,1,nobody,Seizure,Nervous system disorders,3,2017-03-04,2017-03-04
"""
_SUBJECTS = """\
USUBJID,AGE,AGEU,SEX,RFSTDTC,DTHFL
{study}-S0001,54,YEARS,F,2017-03-01,N
{study}-S0002,61,YEARS,M,2017-03-01,N
{study}-S0003,47,YEARS,M,2017-03-02,N
"""


def write_tiny_study(home: Home, study: str, grade: str = "3") -> Path:
    """Three subjects, four event rows: one graded, one that goes to zero, one unmapped, one rejected."""
    folder = home.landing / study
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.yaml").write_text(_MANIFEST.format(study=study), encoding="utf-8")
    events = _EVENTS.format(study=study, narrative=NARRATIVE, grade=grade)
    (folder / "ae.csv").write_text(events, encoding="utf-8")
    (folder / "dm.csv").write_text(_SUBJECTS.format(study=study), encoding="utf-8")
    return folder
