SELECT
  term,
  count(*) FILTER (change_point = 'to_zero') AS to_zero,
  count(*) FILTER (change_point = 'down') AS down,
  count(*) FILTER (change_point = 'unchanged') AS same,
  count(*) FILTER (change_point = 'up') AS up,
  count(*) FILTER (change_point = 'to_indeterminate') AS indeterminate,
  count(*) FILTER (change_point IN ('source_unknown', 'not_evaluable')) AS not_compared,
  count(*) AS total
FROM out_drivers
JOIN (
  SELECT study_id, subject_id, comparator_set, window_days
  FROM out_subject_changes
  WHERE is_counted
) AS counted USING (study_id, subject_id, comparator_set, window_days)
WHERE comparator_set = 'broad' AND is_primary_window AND study_id IN $studies
GROUP BY term
ORDER BY total DESC, term
