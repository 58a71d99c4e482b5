SELECT
  study_id, subject_id, kind, detail, left_place, left_value, right_place, right_value, rule_id, decision
FROM out_contradictions
WHERE study_id IN $studies
ORDER BY kind, study_id, subject_id, left_place, right_place, detail
LIMIT 5000
