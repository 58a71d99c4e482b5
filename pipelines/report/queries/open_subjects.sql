WITH rules AS (
  SELECT study_id, subject_id, threshold, string_agg(DISTINCT rule, '|' ORDER BY rule) AS rules
  FROM (
    SELECT study_id, subject_id, threshold, unnest(string_split(rules, '|')) AS rule
    FROM out_closing_work_list
  )
  GROUP BY study_id, subject_id, threshold
)
SELECT
  study_id,
  subject_id,
  min_by(impact, impact_rank) AS impact,
  low,
  point,
  high,
  threshold,
  string_agg(sentence, '; ' ORDER BY infusion_number, first_day, fact) AS closed_by,
  any_value(rules.rules) AS rules
FROM out_closing_work_list
JOIN rules USING (study_id, subject_id, threshold)
WHERE outcome = 'INDETERMINATE' AND threshold IN (1, 3) AND study_id IN $studies
GROUP BY study_id, subject_id, low, point, high, threshold
ORDER BY threshold, min(impact_rank), high DESC, low, study_id, subject_id
LIMIT 5000
