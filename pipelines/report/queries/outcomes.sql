SELECT
  outcome,
  count(*) AS subjects,
  sum(count(*)) OVER () AS denominator,
  round(100 * subjects / denominator, 1) AS percent
FROM out_subject_changes
WHERE comparator_set = 'broad' AND is_primary_window AND is_counted AND study_id IN $studies
GROUP BY outcome
ORDER BY list_position(['ICANS', 'INDETERMINATE', 'NOT_ICANS', 'NOT_EVALUABLE'], outcome)
