"""Closed word lists of assessment tables: arousal, seizures, oedema, weakness, why an item was not assessed.

Only words and the code of `schemas.assessment_items` each stands for may live here. Nothing is matched by
similarity or by part of a word; what is not listed is named under `files[].values` of the manifest.
Sources: ASTCT 2019 (Lee et al., Biol Blood Marrow Transplant 2019;25:625), table 3, for the wording of
the arousal rows; CDISC controlled terminology (NY, ND) for yes, no and not done.

Left out because they need a judgement: AVPU letters and "pain" (touch, or vigorous?), mild or severe
weakness (deep?), nonconvulsive status epilepticus (not simply status epilepticus, GRADING.md 3.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from pipelines.ingest.parse_words import NO_VALUE, UNKNOWN, YES_NO, Words, fold
from schemas.assessment_items import ITEMS, NOT_DONE_REASONS
from schemas.assessment_items import YES_NO as FLAG_CODES

NOT_DONE_WORDS: Final = frozenset(
    (
        "ND",
        "NOT DONE",
        "NOT ASSESSED",
        "NOT EVALUATED",
        "NOT PERFORMED",
        "NOT EXAMINED",
        "NE",
        "NOT EVALUABLE",
    )
)
"""Texts that say the item was not assessed, without saying why."""
BLANK_WORDS: Final = (NO_VALUE | {"NAN"}) - NOT_DONE_WORDS - {"NK", "UK"}
"""Texts that stand for an empty cell; NaN is what a missing number becomes on its way through a table."""
NOT_KNOWN_WORDS: Final = UNKNOWN | {"NK", "UK"}
"""Texts that say the value is not known."""

STATUS: Final = Words(
    "STG-STATUS-UNREADABLE",
    dict.fromkeys(NOT_DONE_WORDS, True)
    | dict.fromkeys(("DONE", "COMPLETED", "COMPLETE", "PERFORMED"), False),
    BLANK_WORDS | NOT_KNOWN_WORDS,
)
"""Completion status (CDISC ND): yes is not done."""


def _codes(groups: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Folded word to code; every code is a word of itself."""
    return {fold(word): code for code, words in groups.items() for word in (code, *words)}


REASONS: Final = _codes(
    {
        "unarousable": (
            *("NOT AROUSABLE", "CANNOT BE AROUSED", "CANNOT BE WOKEN", "UNABLE TO AROUSE", "UNABLE TO WAKE"),
            *("PATIENT UNAROUSABLE", "SUBJECT UNAROUSABLE", "PATIENT NOT AROUSABLE", "SUBJECT NOT AROUSABLE"),
            *("UNAROUSABLE AND UNABLE TO PERFORM ICE", "COMA", "COMATOSE", "STUPOR"),
        ),
        "sedated": (
            *("SEDATION", "UNDER SEDATION", "PATIENT SEDATED", "SUBJECT SEDATED", "DEEP SEDATION"),
            *("SEDATED AND INTUBATED", "INTUBATED AND SEDATED", "SEDATED/INTUBATED", "INTUBATED/SEDATED"),
            *("GENERAL ANAESTHESIA", "GENERAL ANESTHESIA"),
        ),
        "intubated": ("PATIENT INTUBATED", "SUBJECT INTUBATED", "INTUBATION", "MECHANICAL VENTILATION"),
        "language": ("LANGUAGE BARRIER", "HEARING", "HEARING LOSS", "DEAF", "NO INTERPRETER"),
        "refused": (
            *("REFUSAL", "PATIENT REFUSED", "SUBJECT REFUSED", "PATIENT REFUSAL", "SUBJECT REFUSAL"),
            *("DECLINED", "PATIENT DECLINED", "SUBJECT DECLINED"),
        ),
        "not_done": (
            *sorted(NOT_DONE_WORDS),
            *("MISSED", "SITE ERROR", "VISIT NOT DONE", "OUT OF WINDOW", "FORGOTTEN"),
        ),
        "other": (),
    }
)
"""Why an item has no value; a text that is not listed is `other`."""
assert set(REASONS.values()) == set(NOT_DONE_REASONS)

_VOICE: Final = ("VOICE", "VERBAL STIMULUS", "VERBAL STIMULI", "VERBAL STIMULATION")
_TOUCH: Final = ("TOUCH", "TACTILE STIMULUS", "TACTILE STIMULI", "TACTILE STIMULATION")
_VIGOROUS: Final = tuple(
    f"{how} {what}" for how in ("VIGOROUS", "REPETITIVE", "VIGOROUS OR REPETITIVE") for what in _TOUCH
)


def _wakes_to(stimuli: Iterable[str]) -> list[str]:
    verbs = (
        "",
        "TO ",
        "ONLY TO ",
        *(
            f"{verb} {to}"
            for verb in ("AWAKENS", "WAKES", "AROUSABLE", "AWAKENED", "ROUSABLE")
            for to in ("TO ", "ONLY TO ")
        ),
        "REQUIRES ",
    )
    return [verb + stimulus for verb in verbs for stimulus in stimuli]


_NONE: Final = ("NO", "N", "ABSENT", "NOT PRESENT", "NEGATIVE", "0")
_WORDS: Final[dict[str, dict[str, str]]] = {
    "arousal": _codes(
        {
            "alert": ("AWAKE", "FULLY ALERT", "AWAKE AND ALERT", "ALERT AND AWAKE", "ALERT AND ORIENTED"),
            "spontaneous": ("SPONTANEOUSLY", "AWAKENS SPONTANEOUSLY", "WAKES SPONTANEOUSLY"),
            "voice": (*_wakes_to(_VOICE), "VERBAL"),
            "touch": (*_wakes_to(_TOUCH), "TACTILE"),
            "unarousable": (
                *("NOT AROUSABLE", "UNRESPONSIVE", "CANNOT BE AROUSED", "CANNOT BE WOKEN"),
                *("STUPOR", "STUPOROUS", "COMA", "COMATOSE", "STUPOR OR COMA", "STUPOR/COMA"),
                *_wakes_to(_VIGOROUS),
                "UNAROUSABLE OR REQUIRES VIGOROUS OR REPETITIVE TACTILE STIMULI TO AROUSE",
                "REQUIRES VIGOROUS OR REPETITIVE TACTILE STIMULI TO AROUSE",
            ),
        }
    ),
    "seizure_type": _codes(
        {
            "none": (*_NONE, "NO SEIZURE", "NO SEIZURES"),
            "clinical_focal": (
                *("FOCAL", "FOCAL SEIZURE", "PARTIAL", "PARTIAL SEIZURE", "CLINICAL FOCAL SEIZURE"),
                *("SIMPLE PARTIAL", "COMPLEX PARTIAL", "FOCAL CLINICAL SEIZURE"),
            ),
            "clinical_generalised": (
                *("GENERALISED", "GENERALIZED", "GENERALISED SEIZURE", "GENERALIZED SEIZURE", "GRAND MAL"),
                *("CLINICAL GENERALIZED", "TONIC CLONIC", "GTCS"),
                *("GENERALISED TONIC CLONIC", "GENERALISED TONIC CLONIC SEIZURE"),
                *("GENERALIZED TONIC CLONIC", "GENERALIZED TONIC CLONIC SEIZURE"),
            ),
            "clinical": ("CLINICAL SEIZURE", "CONVULSIVE", "CONVULSION", "CONVULSIVE SEIZURE"),
            "electrographic": (
                *("ELECTROGRAPHIC SEIZURE", "EEG", "EEG ONLY", "EEG SEIZURE", "SUBCLINICAL"),
                *("NONCONVULSIVE", "NONCONVULSIVE SEIZURE", "NONCONVULSIVE SEIZURES ON EEG"),
                *("NON CONVULSIVE", "NON CONVULSIVE SEIZURE", "NON CONVULSIVE SEIZURES ON EEG"),
            ),
            "status_epilepticus": ("STATUS", "CONVULSIVE STATUS EPILEPTICUS"),
        }
    ),
    "focal_weakness": _codes(
        {
            "none": (*_NONE, "NO WEAKNESS", "NO FOCAL WEAKNESS"),
            "not_deep": ("NON DEEP", "NOT DEEP FOCAL WEAKNESS", "NOT DEEP WEAKNESS"),
            "deep": (
                *("DEEP FOCAL WEAKNESS", "DEEP FOCAL MOTOR WEAKNESS", "DEEP WEAKNESS"),
                *("HEMIPARESIS", "PARAPARESIS", "HEMIPLEGIA", "PARAPLEGIA", "HEMIPARESIS OR PARAPARESIS"),
            ),
        }
    ),
    "imaging_oedema": _codes(
        {
            "none": (
                *(*_NONE, "NO OEDEMA", "NO EDEMA", "NO CEREBRAL OEDEMA", "NO CEREBRAL EDEMA"),
                *("NO OEDEMA ON IMAGING", "NO EDEMA ON IMAGING"),
            ),
            "focal": (
                *("LOCAL", "FOCAL OEDEMA", "FOCAL EDEMA", "LOCAL OEDEMA", "LOCAL EDEMA"),
                *("FOCAL/LOCAL OEDEMA", "FOCAL/LOCAL EDEMA", "FOCAL CEREBRAL OEDEMA", "FOCAL CEREBRAL EDEMA"),
                *("FOCAL/LOCAL EDEMA ON NEUROIMAGING", "FOCAL/LOCAL OEDEMA ON NEUROIMAGING"),
            ),
            "diffuse": (
                *("DIFFUSE OEDEMA", "DIFFUSE EDEMA", "DIFFUSE CEREBRAL OEDEMA", "DIFFUSE CEREBRAL EDEMA"),
                *("DIFFUSE CEREBRAL EDEMA ON NEUROIMAGING", "DIFFUSE CEREBRAL OEDEMA ON NEUROIMAGING"),
            ),
        }
    ),
    "posturing": _codes(
        {
            "none": (*_NONE, "NO POSTURING"),
            "decorticate": ("DECORTICATE POSTURING",),
            "decerebrate": ("DECEREBRATE POSTURING",),
        }
    ),
}  # fmt: skip
_FLAGS: Final = {word: "yes" if flag else "no" for word, flag in YES_NO.codes.items()} | _codes(
    {
        "yes": ("PRESENT", "POSITIVE", "OBSERVED"),
        "no": ("ABSENT", "NOT PRESENT", "NEGATIVE", "NOT OBSERVED", "NONE"),
    }
)
CODE_WORDS: Final[dict[str, dict[str, str]]] = {
    name: _FLAGS if item.codes == FLAG_CODES else _WORDS[name]
    for name, item in ITEMS.items()
    if item.kind == "code"
}
"""Folded word to code for every item that holds a word."""
