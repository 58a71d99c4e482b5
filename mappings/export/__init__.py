"""A release in the formats of others: SSSOM/TSV and a FHIR R5 ConceptMap.

What may live here: rendering a loaded release. What may not: reading one, deciding anything, writing
files. Every export says whether the release is clinically reviewed.
"""

from mappings.export.fhir import render_fhir_concept_map
from mappings.export.sssom import render_sssom

__all__ = ["render_fhir_concept_map", "render_sssom"]
