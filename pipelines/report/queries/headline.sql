SELECT
  measure,
  any_subjects,
  round(100 * any_subjects / nullif(denominator, 0), 1) AS any_percent,
  grade_3_subjects,
  round(100 * grade_3_subjects / nullif(denominator, 0), 1) AS grade_3_percent,
  unknown_subjects,
  denominator
FROM (
  SELECT
    estimate,
    CASE estimate
      WHEN 'source_broad' THEN 'Reported grade, broad set'
      WHEN 'source_core' THEN 'Reported grade, core set'
      WHEN 'source_sponsor' THEN 'Reported grade, sponsor''s set'
      WHEN 'icans_low' THEN 'ICANS low'
      WHEN 'icans_point' THEN 'ICANS point'
      WHEN 'icans_high' THEN 'ICANS high'
    END AS measure,
    sum(subjects) FILTER (threshold = 'any') AS any_subjects,
    sum(subjects) FILTER (threshold = '>= 3') AS grade_3_subjects,
    sum(subjects_unknown) FILTER (threshold = 'any') AS unknown_subjects,
    sum(denominator) FILTER (threshold = 'any') AS denominator
  FROM out_incidence
  WHERE is_primary_window AND study_id IN $studies
  GROUP BY estimate
)
ORDER BY
  list_position(
    ['source_broad', 'source_core', 'source_sponsor', 'icans_low', 'icans_point', 'icans_high'], estimate
  )
