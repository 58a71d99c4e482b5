SELECT
  comparator_set,
  estimate,
  count(*) FILTER (change = 'unchanged' AND source_grade = 0) AS none,
  count(*) FILTER (change = 'unchanged' AND source_grade > 0) AS same,
  count(*) FILTER (change = 'up') AS up,
  count(*) FILTER (change = 'down') AS down,
  count(*) FILTER (change = 'to_zero') AS to_zero,
  count(*) FILTER (change = 'to_indeterminate') AS indeterminate,
  count(*) FILTER (change = 'source_unknown') AS source_unknown,
  count(*) FILTER (change = 'not_evaluable') AS not_evaluable,
  count(*) AS total
FROM (
  SELECT
    comparator_set,
    source_grade,
    unnest(['low', 'point', 'high']) AS estimate,
    unnest([change_low, change_point, change_high]) AS change
  FROM out_subject_changes
  WHERE is_primary_window AND is_counted AND study_id IN $studies
)
GROUP BY comparator_set, estimate
ORDER BY
  list_position(['broad', 'core', 'sponsor'], comparator_set),
  list_position(['low', 'point', 'high'], estimate)
