"""Whole ISO 8601 dates, read a column at a time.

Only the texts on which `parse_dates.read_date` needs no judgement may be read here, and they must be read as
it reads them: 2017-03-05, 2017-03-05T10:30 and 2017-03-05T10:30:15, of the years 1900 to 2099. Nearly every
date of a submission is one of these; every other text is left to `read_date`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import polars as pl

_DAY: Final = r"(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}"
_CLOCK: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_SHAPES: Final = (
    (rf"^{_DAY}$", "%Y-%m-%d", timedelta(days=1), "day"),
    (rf"^{_DAY}T{_CLOCK}$", "%Y-%m-%dT%H:%M", timedelta(minutes=1), "time"),
    (rf"^{_DAY}T{_CLOCK}:[0-5][0-9]$", "%Y-%m-%dT%H:%M:%S", timedelta(seconds=1), "time"),
)
"""Shape, how it is parsed, how long the range is, and its precision."""


def read_plain_dates(texts: pl.Series) -> pl.DataFrame:
    """`earliest`, `latest` (both inclusive) and `precision` of every text; null where it is not a plain date.

    >>> read_plain_dates(pl.Series(["2017-03-05", "2017-02-30", "UN-MAR-2017"]))["precision"].to_list()
    ['day', None, None]
    """
    text = pl.col("text")
    earliest, latest, precision = [], [], []
    for shape, written, length, name in _SHAPES:
        # A text of another shape is never parsed: null stays null, and a day that does not exist is null.
        read = (
            pl.when(text.str.contains(shape))
            .then(text)
            .str.to_datetime(written, time_unit="us", strict=False)
        )
        earliest.append(read)
        latest.append(read + (length - timedelta(microseconds=1)))
        precision.append(pl.when(read.is_not_null()).then(pl.lit(name)))
    return texts.to_frame("text").select(
        earliest=pl.coalesce(earliest), latest=pl.coalesce(latest), precision=pl.coalesce(precision)
    )
