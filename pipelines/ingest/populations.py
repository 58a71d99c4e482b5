"""Which cognition scale applies to a subject: ICE from 12.0 years, CAPD below or with developmental delay.

Only the age at the infusion and what it decides may live here; how an age is read is in `parse_ages` and
`parse_age_groups`, what a scale means for a grade in `pipelines.grading`.
Source: GRADING.md 2 (ASTCT 2019; Lee et al., Biol Blood Marrow Transplant 2019;25:625).

Decisions
- Developmental delay is child at any age. Then the birth date at the first infusion, the recorded age and
  the age group decide, in this order, each only where it is certain; exactly 12.0 is adult.
- An age recorded at consent (the default of `age_recorded_at`) of 11 may be 12 at the infusion: without a
  birth date that decides, both scales stay possible (CHK-AGE-AT-CONSENT). Treatment more than a year after
  consent is not provided for.
- An age group decides only where no age is recorded: it is derived from the age and knows no more. Where
  it decides, it holds at the infusion; the doubt of a group that ends at 12 is that of its last year only.
"""

from __future__ import annotations

from typing import Final, Literal

import polars as pl

_ADULT_FROM_YEARS: Final = 12


def derive_population(
    subjects: pl.DataFrame, recorded_at: Literal["consent", "infusion"] = "consent"
) -> pl.DataFrame:
    """Add `age_from_birth`, `age_years`, `population` and `is_age_open` (11 at consent, perhaps 12 by now).

    `recorded_at` says when the recorded age was reached. Ranges of days decide only where all of them
    agree: a birth year that leaves both sides of the twelfth birthday open, or a birth after the infusion,
    leaves the recorded age to decide. `age_from_birth` is null unless both days are exact.
    """
    birth, birth_last = pl.col("birth_earliest").dt.date(), pl.col("birth_latest").dt.date()
    given, given_last = pl.col("infusion_earliest").dt.date(), pl.col("infusion_latest").dt.date()
    born = given_last >= birth
    twelve = f"{_ADULT_FROM_YEARS}y"
    adult = (born & (given >= birth_last.dt.offset_by(twelve))).fill_null(value=False)
    child = (born & (given_last < birth.dt.offset_by(twelve))).fill_null(value=False)
    delayed = pl.col("has_developmental_delay").fill_null(value=False)
    recorded = pl.col("recorded_age")
    nearly = (recorded >= _ADULT_FROM_YEARS - 1) & (recorded < _ADULT_FROM_YEARS)
    is_open = nearly.fill_null(value=False) & pl.lit(value=recorded_at == "consent")
    grown_up, young = pl.col("age_group_lowest"), pl.col("age_group_highest")
    return subjects.with_columns(
        age_from_birth=_age_at_infusion(), is_age_open=~delayed & ~adult & ~child & is_open
    ).with_columns(
        age_years=pl.coalesce("age_from_birth", "recorded_age"),
        population=pl.when(delayed)
        .then(pl.lit("child"))
        .when(adult)
        .then(pl.lit("adult"))
        .when(child)
        .then(pl.lit("child"))
        .when("is_age_open")
        .then(pl.lit("unknown"))
        .when(recorded >= _ADULT_FROM_YEARS)
        .then(pl.lit("adult"))
        .when(recorded < _ADULT_FROM_YEARS)
        .then(pl.lit("child"))
        .when(grown_up >= _ADULT_FROM_YEARS)
        .then(pl.lit("adult"))
        .when(young <= _ADULT_FROM_YEARS)
        .then(pl.lit("child"))
        .otherwise(pl.lit("unknown")),
    )


def _age_at_infusion() -> pl.Expr:
    """Age in years at the first infusion, where birth and infusion are whole days."""
    birth, given = pl.col("birth_earliest").dt.date(), pl.col("infusion_earliest").dt.date()
    exact = (
        (birth == pl.col("birth_latest").dt.date())
        & (given == pl.col("infusion_latest").dt.date())
        & (given >= birth)
    )
    had_birthday = _month_and_day(given) >= _month_and_day(birth)
    years = given.dt.year() - birth.dt.year() - (~had_birthday).cast(pl.Int32)
    last_birthday = birth.dt.offset_by(pl.format("{}y", years))
    share = (given - last_birthday).dt.total_days() / 365.25
    return pl.when(exact & years.is_between(0, 129)).then((years + share).round(4))


def _month_and_day(day: pl.Expr) -> pl.Expr:
    # A month is Int8, which month * 100 does not fit.
    return day.dt.month().cast(pl.Int32) * 100 + day.dt.day()
