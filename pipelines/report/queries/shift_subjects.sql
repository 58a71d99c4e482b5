SELECT
  source_grade,
  count(*) FILTER (is_evaluable AND point = 0) AS icans_0,
  count(*) FILTER (is_evaluable AND point = 1) AS icans_1,
  count(*) FILTER (is_evaluable AND point = 2) AS icans_2,
  count(*) FILTER (is_evaluable AND point = 3) AS icans_3,
  count(*) FILTER (is_evaluable AND point = 4) AS icans_4,
  count(*) FILTER (is_evaluable AND point = 5) AS icans_5,
  count(*) FILTER (is_evaluable AND point IS NULL) AS no_single_grade,
  count(*) FILTER (NOT is_evaluable) AS not_evaluable,
  count(*) AS total
FROM (
  SELECT is_evaluable, point, unnest([coalesce(CAST(source_grade AS VARCHAR), 'unknown'), 'total']) AS source_grade
  FROM out_subject_changes
  WHERE comparator_set = 'broad' AND is_primary_window AND is_counted AND study_id IN $studies
)
GROUP BY source_grade
ORDER BY list_position(['0', '1', '2', '3', '4', '5', 'unknown', 'total'], source_grade)
