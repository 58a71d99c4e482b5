"""Comparisons as typed results: source scale against ICANS. Pure; no text is rendered here."""
