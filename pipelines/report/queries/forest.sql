WITH subjects AS (
  SELECT
    unnest(['all', 'study', 'product', 'age group', 'cognition scale']) AS grouping,
    unnest([
      'all subjects',
      study_id,
      coalesce(product, 'not recorded'),
      CASE
        WHEN age_years < 18 THEN 'under 18 years'
        WHEN age_years < 65 THEN '18 to 64 years'
        WHEN age_years >= 65 THEN '65 years and over'
        ELSE 'age not known'
      END,
      CASE population
        WHEN 'adult' THEN 'ICE (from 12 years)'
        WHEN 'child' THEN 'CAPD (children)'
        ELSE 'either (age not known)'
      END
    ]) AS group_name,
    source_grade,
    CASE WHEN is_evaluable THEN point END AS icans_point
  FROM out_subject_changes
  WHERE comparator_set = 'broad' AND is_primary_window AND is_counted AND study_id IN $studies
)
SELECT
  grouping,
  group_name,
  estimate,
  threshold,
  count(*) FILTER (grade >= limit_grade) AS subjects,
  count(*) AS denominator,
  round(100 * subjects / denominator, 1) AS percent
FROM (
  SELECT
    grouping,
    group_name,
    unnest(['Reported grade, broad set', 'Reported grade, broad set', 'ICANS point', 'ICANS point']) AS estimate,
    unnest(['any', '>= 3', 'any', '>= 3']) AS threshold,
    unnest([source_grade, source_grade, icans_point, icans_point]) AS grade,
    unnest([1, 3, 1, 3]) AS limit_grade
  FROM subjects
)
GROUP BY grouping, group_name, estimate, threshold
ORDER BY
  list_position(['all', 'study', 'product', 'age group', 'cognition scale'], grouping),
  list_position(['under 18 years', '18 to 64 years', '65 years and over', 'age not known'], group_name),
  group_name,
  threshold DESC,
  estimate DESC
