WITH terms AS (
  SELECT study_id, subject_id, string_agg(term, '|' ORDER BY term) AS source_terms
  FROM out_drivers
  WHERE comparator_set = 'broad' AND is_primary_window
  GROUP BY study_id, subject_id
)
SELECT
  changed.study_id,
  changed.subject_id,
  changed.change_point,
  changed.source_grade,
  changed.low,
  changed.point,
  changed.high,
  changed.outcome,
  terms.source_terms,
  graded.low_domains,
  graded.point_domains,
  graded.high_domains,
  coalesce(graded.point_rules, graded.high_rules) AS rules,
  graded.review_reasons
FROM out_subject_changes AS changed
JOIN core_subject_grades AS graded USING (study_id, subject_id, window_days)
JOIN core_runs AS run USING (run_id, study_id)
LEFT JOIN terms USING (study_id, subject_id)
WHERE run.is_current AND graded.infusion_number = 0
  AND changed.comparator_set = 'broad' AND changed.is_primary_window AND changed.is_counted
  AND changed.change_point IN ('up', 'down', 'to_zero', 'to_indeterminate')
  AND changed.study_id IN $studies
ORDER BY
  list_position(['up', 'down', 'to_zero', 'to_indeterminate'], changed.change_point),
  changed.source_grade DESC, changed.high DESC, changed.study_id, changed.subject_id
LIMIT 5000
