"""The kernel once more, as one hand-written program in DuckDB SQL.

Written from GRADING.md and the tables of the release, without a line of `pipelines.grading`; scope and
look-ups in `decision_lookup`. Terms are resolved in SQL; Python is asked once for the decision of each
combination of concept and grade that occurs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import duckdb
import polars as pl

from mappings.release import Release
from schemas.manifest import StudyManifest
from tests.benchmarks.decision_lookup import (
    EVENT_FIELDS,
    Answer,
    Combination,
    decide,
    index_release,
    is_harmless,
    require_scope,
)
from tests.oracle.release_index import ReleaseIndex

_KEY: Final = r"""
create macro key_of(term) as
  trim(regexp_replace(replace(replace(regexp_replace(trim(regexp_replace(regexp_replace(regexp_replace(
      lower(strip_accents(term)),
      '[\x{2018}\x{2019}\x{201b}\x{02bc}\x{00b4}`]', '''', 'g'),
      '[\-\x{00ad}\x{2010}-\x{2015}\x{2212}\x{fe58}\x{fe63}\x{ff0d}]+', ' ', 'g'),
      '\s+', ' ', 'g')),
      ',?\s*\bnos\s*$', ''),
      'oedema', 'edema'), 'haem', 'hem'),
      'is(e|es|ed|er|ers|ing|ation|ations)\b', 'iz\1', 'g'))
"""
_RELEASE: Final = """
create temp table names as
with listed as (
  select 'code' as kind, code as name, * exclude (code) from map_terms where code <> ''
  union all by name
  select 'text' as kind, term_key as name, * exclude (code) from map_terms
), decided as (
  select * from listed where concept_id is not null and relation <> 'broader'
  qualify relation = 'own' or not bool_or(relation = 'own') over (partition by kind, name, scale_version)
), nearest as (
  select *, case scale_version when $version then 1 when 'any' then 2 else 3 end as tier from decided
  qualify tier = min(tier) over (partition by kind, name)
)
select kind, name, case when count(distinct concept_id) = 1 then min(concept_id) end as concept_id
from nearest group by all;

create temp table listed_classes as
with listed as (
  select 'code' as kind, code as name, class_name from map_vocabulary where code <> ''
  union all
  select 'text', term_key, class_name from map_vocabulary
)
select kind, name, bool_or(coalesce(is_in_scope, true)) as is_in_scope
from listed left join map_classes on class_key = key_of(listed.class_name) group by all;
"""
_TERMS: Final = """
create or replace temp table {target} as
with cells as (
  select distinct llt_code, pt_code, preferred_term, lowest_level_term, body_system from {rows}
), keyed as (
  select *, trim(llt_code) as llt, trim(pt_code) as pt, nullif(key_of(preferred_term), '') as preferred,
    nullif(key_of(lowest_level_term), '') as lowest, key_of(body_system) as class_key
  from cells
)
select llt_code, pt_code, preferred_term, lowest_level_term, body_system,
  coalesce(c1.concept_id, c2.concept_id,
    case when t1.name is not null then t1.concept_id else t2.concept_id end) as concept_id,
  coalesce(c1.concept_id, c2.concept_id, t1.concept_id) is not null
    or coalesce(t1.name, t2.name) is not null
    or coalesce(given.is_in_scope, v1.is_in_scope, v2.is_in_scope, v3.is_in_scope, v4.is_in_scope, true)
    as is_in_scope
from keyed
left join names c1 on c1.kind = 'code' and c1.name = llt
left join names c2 on c2.kind = 'code' and c2.name = pt
left join names t1 on t1.kind = 'text' and t1.name = preferred
left join names t2 on t2.kind = 'text' and t2.name = lowest
left join map_classes given on given.class_key = keyed.class_key
left join listed_classes v1 on v1.kind = 'code' and v1.name = llt
left join listed_classes v2 on v2.kind = 'code' and v2.name = pt
left join listed_classes v3 on v3.kind = 'text' and v3.name = preferred
left join listed_classes v4 on v4.kind = 'text' and v4.name = lowest
"""
_ROWS: Final = """
create temp table rows as
select e.study_id, e.subject_id, e.event_id, t.concept_id, t.is_in_scope, e.grade,
  e.grade_status = 'unreadable' as is_unreadable,
  e.grade is null and coalesce(e.is_fatal, true) and s.vital_status <> 'alive' as can_be_fatal,
  s.population, s.vital_status = 'alive' as is_alive, coalesce(e.is_fatal, false) as is_fatal,
  coalesce(e.relationship, '') as relationship,
  start_earliest, start_latest, end_latest
from (select {fields} from core_adverse_events) e
join core_subjects s using (study_id, subject_id)
left join terms t on t.llt_code is not distinct from e.llt_code and t.pt_code is not distinct from e.pt_code
  and t.preferred_term is not distinct from e.preferred_term
  and t.lowest_level_term is not distinct from e.lowest_level_term
  and t.body_system is not distinct from e.body_system
"""
_DECIDED: Final = """
create temp table decided as
select r.* exclude (is_in_scope, is_unreadable, can_be_fatal), a.low, a.point, a.high, a.disposition,
  a.domains, a.source_rules, a.reasons, c.cause_role,
  a.disposition not in ('excluded', 'out_of_scope', 'no_event') as counts
from rows r
join answers a on a.concept_id is not distinct from r.concept_id and a.is_in_scope = r.is_in_scope
  and a.grade is not distinct from r.grade and a.is_unreadable = r.is_unreadable
  and a.can_be_fatal = r.can_be_fatal and a.population = r.population
left join map_concepts c on c.concept_id = r.concept_id;
drop table rows;

create temp table overlapping as
select e.study_id, e.subject_id, e.event_id, bool_or(c.cause_role = 'haemorrhage') as over_haemorrhage
from decided e join decided c using (study_id, subject_id)
where e.counts and c.event_id <> e.event_id and c.disposition <> 'no_event'
  and c.cause_role in ('haemorrhage', 'stroke', 'cns_infection', 'cns_progression')
  and coalesce(e.start_earliest::date <= c.end_latest::date + 1, true)
  and coalesce(e.end_latest::date >= c.start_earliest::date - 1, true)
group by all;

create temp table graded as
select d.* exclude (low, point, high, reasons, is_alive, is_fatal, relationship, cause_role, population,
    grade),
  contradicted, died, unrelated, unlikely, caused, bled, reasons,
  case when contradicted or unrelated or unlikely or caused then 0 else low end as low,
  case when unrelated or bled then 0 when contradicted then null else point end as point,
  case when died then 5 when contradicted then 4 else high end as high
from (
  select d.*,
    counts and coalesce(grade = 5, false) and is_alive as contradicted,
    counts and is_fatal and coalesce(grade, 0) < 5 as died,
    counts and relationship = 'not_related' as unrelated,
    counts and relationship = 'unlikely' as unlikely,
    counts and o.event_id is not null as caused,
    counts and coalesce(o.over_haemorrhage, false) and coalesce(domains = 'icp', false) as bled
  from decided d left join overlapping o using (study_id, subject_id, event_id)
) d;
drop table decided;
"""
_PLACED: Final = """
create temp table placed as
with spans as (
  select study_id, subject_id, infusion_number, infusion_earliest, infusion_latest,
    lead(infusion_latest) over (partition by study_id, subject_id order by infusion_number) as next_latest
  from core_infusions
  qualify bool_or(infusion_earliest is not null) over (partition by study_id, subject_id)
), onsets as (
  select study_id, subject_id, event_id, low, point, high, start_earliest as earliest,
    case when end_latest >= coalesce(start_earliest, '0001-01-01'::timestamp)
      then least(start_latest, end_latest) else start_latest end as latest
  from graded
), choices as (
  select *,
    coalesce(latest >= infusion_earliest, true) and coalesce(earliest < next_latest, true) as follows,
    infusion_number = 1 and coalesce(earliest < infusion_latest, true) as precedes
  from onsets join spans using (study_id, subject_id)
), candidates as (
  select *, earliest::date - infusion_latest::date as day_from,
    latest::date - infusion_earliest::date as day_to,
    sum(follows::int + precedes::int) over (partition by study_id, subject_id, event_id) = 1 as is_certain
  from choices qualify follows
)
select study_id, subject_id, event_id, low, point, high, infusion_number, window_days,
  case when day_from > window_days then 'late'
    when is_certain and day_from >= 0 and day_to <= window_days then 'inside'
    else 'partly' end as window_status
from candidates cross join windows
union all
select study_id, subject_id, event_id, low, point, high, 0, window_days, 'no_infusion_date'
from onsets anti join spans using (study_id, subject_id) cross join windows
"""
_EVENTS: Final = """
copy (
  with latest as (
    select study_id, subject_id, event_id, arg_max(window_status, infusion_number) as status
    from placed where window_days = $primary group by all
  ), finished as (
    select g.*, coalesce(status, 'before_infusion') as window_status
    from graded g left join latest using (study_id, subject_id, event_id)
  )
  select study_id, subject_id, event_id, concept_id, disposition, source_rules,
    case when counts and window_status in ('partly', 'no_infusion_date', 'before_infusion') then 0 else low
      end as low,
    case when counts and window_status = 'before_infusion' then 0 else point end as point,
    case when counts and window_status = 'before_infusion' then 0 else high end as high,
    window_status,
    case when not counts then reasons else nullif(array_to_string(list_sort(list_distinct(list_filter([
      case when contradicted then 'death_contradiction' end, case when died then 'fatal_outcome' end,
      case when unrelated then 'attribution_not_related' end,
      case when unlikely then 'attribution_unlikely' end,
      case when caused then 'other_cause_overlap' end, case when bled then 'haemorrhage_overlap' end,
      case window_status when 'partly' then 'onset_partly_in_window' when 'late' then 'late_onset'
        when 'no_infusion_date' then 'no_infusion_date' end
    ] || coalesce(string_split(reasons, '|'), []), lambda x: x is not null))), '|'), '') end as review_reasons
  from finished
) to '{target}/core_event_grades.parquet' (format parquet, compression zstd)
"""
_SUBJECTS: Final = """
copy (
  with dated as (
    select *, infusion_earliest is not null as is_dated from core_infusions
    qualify bool_or(infusion_earliest is not null) over (partition by study_id, subject_id)
  ), frame as (
    select study_id, subject_id, 0 as infusion_number,
      exists (from dated d where d.study_id = s.study_id and d.subject_id = s.subject_id) as is_dated
    from core_subjects s
    union all select study_id, subject_id, infusion_number, is_dated from dated
  ), cells as (
    select * from frame cross join windows
  ), parts as (
    select study_id, subject_id, unnest(case infusion_number when 0 then [0] else [0, infusion_number] end)
        as infusion_number, window_days, case window_status when 'inside' then low else 0 end as low,
      point, high
    from placed where window_status <> 'late' and (high > 0 or point is null)
    union all
    select study_id, subject_id, infusion_number, window_days, 0, case when silent then 0 end,
      case when silent then 0 when is_alive then 4 else 5 end
    from withheld join cells using (study_id, subject_id)
  ), unions as (
    select study_id, subject_id, infusion_number, window_days, max(low) as low, max(high) as high,
      coalesce(max(point), 0) as known, coalesce(max(high) filter (point is null), 0) as open_high
    from parts group by all
  )
  select study_id, subject_id, infusion_number, window_days, coalesce(u.low, 0) as low,
    case when u.low is null then 0 when open_high <= known then known end as point,
    coalesce(u.high, 0) as high,
    case when not is_dated then 'NOT_EVALUABLE' when coalesce(u.low, 0) >= 1 then 'ICANS'
      when coalesce(u.high, 0) = 0 then 'NOT_ICANS' else 'INDETERMINATE' end as outcome
  from cells left join unions u using (study_id, subject_id, infusion_number, window_days)
) to '{target}/core_subject_grades.parquet' (format parquet, compression zstd)
"""


def grade(files: Mapping[str, Path], release: Release, manifest: StudyManifest, target: Path) -> None:
    """Read the checked tables, write `core_event_grades` and `core_subject_grades` into `target`."""
    version, index = require_scope(manifest), index_release(release)
    windows = [manifest.windows.primary_days, *manifest.windows.sensitivity_days]
    with duckdb.connect() as session:
        for name in ("core_adverse_events", "core_subjects", "core_infusions", "core_rejected_rows"):
            session.read_parquet(str(files[name])).create_view(name)
        for name, frame in release.tables.items():
            session.register(name, frame)
        session.register("windows", pl.DataFrame({"window_days": windows}))
        session.execute(_KEY)
        for statement in _RELEASE.split(";\n\n"):
            session.execute(statement, {"version": version} if "$version" in statement else None)
        session.execute(_TERMS.format(target="terms", rows="core_adverse_events"))
        session.execute(_ROWS.format(fields=", ".join(EVENT_FIELDS)))
        asked = session.sql(f"select distinct {', '.join(Combination._fields)} from rows").fetchall()
        answers = decide((Combination(*row) for row in asked), index, version)
        session.register(
            "answers",
            pl.DataFrame(
                [(*one, *other) for one, other in zip(asked, answers, strict=True)],
                schema={**_COMBINATION, **_ANSWER},
                orient="row",
            ),
        )
        for statement in _DECIDED.split(";\n"):
            if statement.strip():
                session.execute(statement)
        session.execute(_PLACED)
        session.execute(_EVENTS.format(target=target), {"primary": windows[0]})
        _withhold(session, index)
        session.execute(_SUBJECTS.format(target=target))


def _withhold(session: duckdb.DuckDBPyConnection, index: ReleaseIndex) -> None:
    """Rejected rows that could be a sign."""
    session.execute("""
        create temp view unused as from core_rejected_rows
        where table_name = 'adverse_events' and subject_id is not null and rule_id <> 'CHK-DUPLICATE-ROW'
    """)
    session.execute(_TERMS.format(target="unused_terms", rows="unused"))
    joined = """
        from unused u join core_subjects s using (study_id, subject_id)
        join unused_terms t on t.llt_code is not distinct from u.llt_code
          and t.pt_code is not distinct from u.pt_code
          and t.preferred_term is not distinct from u.preferred_term
          and t.lowest_level_term is not distinct from u.lowest_level_term
          and t.body_system is not distinct from u.body_system
    """
    read = session.sql(
        f"select distinct concept_id, population {joined} where concept_id is not null"
    ).fetchall()
    harmless = [row for row in read if is_harmless(*row, index)]
    session.register(
        "harmless",
        pl.DataFrame(harmless, schema={"concept_id": pl.String, "population": pl.String}, orient="row"),
    )
    session.execute(f"""
        create temp table withheld as
        select study_id, subject_id, s.vital_status = 'alive' as is_alive,
          case when t.concept_id is null then not t.is_in_scope else h.concept_id is not null end as silent
        {joined} left join harmless h on h.concept_id = t.concept_id and h.population = s.population
    """)


_COMBINATION: Final = dict(
    zip(
        Combination._fields,
        (pl.String(), pl.Boolean(), pl.Int8(), pl.Boolean(), pl.Boolean(), pl.String()),
        strict=True,
    )
)
_ANSWER: Final = dict(
    zip(
        Answer._fields,
        (pl.Int8(), pl.Int8(), pl.Int8(), pl.String(), pl.String(), pl.String(), pl.String()),
        strict=True,
    )
)
