"""How often each term is drawn for the demo study, with which grades and when.

All figures are made up: they have the order of magnitude of CD19 CAR-T trials and nothing more. No
randomness lives here, and no planted subject.
"""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.demo.layout import EYE, GENERAL, MUSCLE, NERVOUS, PSYCHIATRIC


@dataclass(frozen=True)
class Draw:
    """How often a term is drawn and how it looks when it is."""

    coded: tuple[str, str]
    """UK and US spelling."""
    verbatim: tuple[str, ...]
    system: str
    chance: float
    onset: tuple[int, int]
    days: tuple[int, int]
    grades: tuple[float, ...]
    """Relative weight of grade 1, 2, 3, ..."""
    is_neurotoxicity: bool = False


def _one(term: str) -> tuple[str, str]:
    return (term, term)


CAR_T_NEUROTOXICITY = (
    Draw(_one("Encephalopathy"), ("encephalopathy", "muddled and slow", "encephalopathy on ward round"),
         NERVOUS, 0.42, (3, 9), (2, 9), (28, 30, 32, 10), True),
    Draw(_one("Confusion"), ("confusion", "disoriented to time", "confused overnight"),
         PSYCHIATRIC, 0.34, (2, 9), (1, 6), (50, 33, 17), True),
    Draw(_one("Dysphasia"), ("word finding difficulty", "expressive dysphasia", "reduced speech"),
         NERVOUS, 0.28, (4, 9), (1, 6), (38, 33, 29), True),
    Draw(_one("Tremor"), ("tremor", "hand tremor", "intention tremor"),
         NERVOUS, 0.45, (2, 9), (2, 12), (72, 24, 4), True),
    Draw(_one("Somnolence"), ("sleepy", "somnolence", "drowsy, rousable"),
         NERVOUS, 0.24, (3, 9), (1, 5), (52, 30, 18), True),
    Draw(_one("Delirium"), ("delirium", "acute delirium"),
         PSYCHIATRIC, 0.09, (4, 10), (2, 6), (20, 45, 35), True),
    Draw(_one("Agitation"), ("agitation", "agitated \u2013 pulling at lines"),
         PSYCHIATRIC, 0.15, (3, 10), (1, 4), (45, 40, 15), True),
    Draw(_one("Hallucinations"), ("visual hallucinations", "seeing things"),
         PSYCHIATRIC, 0.08, (3, 10), (1, 5), (55, 35, 10), True),
    Draw(_one("Memory impairment"), ("forgetful", "memory impairment"),
         NERVOUS, 0.10, (5, 16), (5, 25), (75, 22, 3), True),
    Draw(_one("Concentration impairment"), ("poor concentration",),
         NERVOUS, 0.09, (3, 12), (2, 10), (70, 25, 5), True),
    Draw(_one("Depressed level of consciousness"), ("reduced GCS", "obtunded"),
         NERVOUS, 0.07, (5, 9), (1, 4), (0, 30, 45, 25), True),
    Draw(("Generalised tonic-clonic seizure", "Generalized tonic-clonic seizure"),
         ("seizure", "tonic-clonic seizure"),
         NERVOUS, 0.04, (5, 10), (0, 0), (0, 0, 100), True),
    Draw(_one("Ataxia"), ("unsteady gait", "ataxia"),
         NERVOUS, 0.08, (3, 14), (2, 14), (62, 30, 8), True),
)  # fmt: skip
"""Drawn only for a subject with neurotoxicity. The sponsor flags all of it."""

UNSPECIFIC = (
    Draw(_one("Headache"), ("headache", "frontal headache"),
         NERVOUS, 0.40, (0, 18), (1, 8), (64, 32, 4)),
    Draw(_one("Dizziness"), ("dizziness", "light-headed"), NERVOUS, 0.19, (0, 25), (1, 6), (75, 24, 1)),
    Draw(_one("Insomnia"), ("insomnia", "poor sleep"),
         PSYCHIATRIC, 0.13, (-3, 20), (3, 20), (66, 33, 1)),
    Draw(_one("Anxiety"), ("anxiety", "anxious"), PSYCHIATRIC, 0.12, (-5, 20), (3, 25), (66, 32, 2)),
    Draw(_one("Peripheral sensory neuropathy"), ("numb toes", "tingling in feet"),
         NERVOUS, 0.07, (-10, 40), (20, 90), (72, 28)),
    Draw(_one("Dysgeusia"), ("taste altered",), NERVOUS, 0.05, (2, 20), (8, 40), (85, 15)),
)  # fmt: skip
"""Drawn for every subject; not in the sponsor's own list of neurotoxicity."""

ROUTINE = (
    Draw(_one("Cytokine release syndrome"), ("CRS", "cytokine release syndrome"),
         "Immune system disorders", 0.88, (1, 5), (3, 9), (38, 42, 14, 6)),
    Draw(_one("Pyrexia"), ("fever", "pyrexia"), GENERAL, 0.55, (0, 5), (1, 5), (40, 40, 20)),
    Draw(("Oedema limbs", "Edema limbs"), ("swollen ankles",),
         GENERAL, 0.12, (3, 20), (4, 14), (70, 28, 2)),
    Draw(_one("Hypotension"), ("low blood pressure", "hypotension"),
         "Vascular disorders", 0.38, (1, 7), (1, 5), (20, 42, 30, 8)),
    Draw(_one("Neutrophil count decreased"), ("neutropenia", "low neutrophils"),
         "Investigations", 0.70, (-2, 6), (8, 30), (3, 7, 30, 60)),
    Draw(("Anaemia", "Anemia"), ("anaemia", "low haemoglobin"),
         "Blood and lymphatic system disorders", 0.45, (-3, 10), (8, 40), (15, 40, 45)),
    Draw(_one("Nausea"), ("nausea",),
         "Gastrointestinal disorders", 0.35, (-4, 12), (1, 7), (68, 30, 2)),
    Draw(("Diarrhoea", "Diarrhea"), ("loose stools",),
         "Gastrointestinal disorders", 0.24, (1, 18), (1, 8), (60, 32, 8)),
    Draw(("Dyspnoea", "Dyspnea"), ("short of breath",),
         "Respiratory, thoracic and mediastinal disorders", 0.14, (1, 9), (1, 6), (40, 35, 25)),
    Draw(_one("Back pain"), ("back pain",), MUSCLE, 0.10, (-5, 30), (3, 20), (60, 35, 5)),
    Draw(_one("Blurred vision"), ("blurred vision",), EYE, 0.05, (2, 20), (2, 12), (80, 20)),
)  # fmt: skip
"""Drawn for every subject, planted ones too: none of it can be ICANS."""
