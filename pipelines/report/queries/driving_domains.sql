WITH domains AS (
  SELECT
    study_id,
    subject_id,
    unnest(['low', 'point', 'high']) AS estimate,
    unnest([low, point, high]) AS grade,
    unnest([low_domains, point_domains, high_domains]) AS domains
  FROM core_subject_grades
  JOIN core_runs USING (run_id, study_id)
  WHERE is_current AND infusion_number = 0 AND is_primary_window AND outcome <> 'NOT_EVALUABLE'
    AND study_id IN $studies
),
counted AS (
  SELECT study_id, subject_id
  FROM out_subject_changes
  WHERE comparator_set = 'broad' AND is_primary_window AND is_counted
)
SELECT
  domain,
  count(*) FILTER (estimate = 'low') AS low_any,
  count(*) FILTER (estimate = 'low' AND grade >= 3) AS low_grade_3,
  count(*) FILTER (estimate = 'point') AS point_any,
  count(*) FILTER (estimate = 'point' AND grade >= 3) AS point_grade_3,
  count(*) FILTER (estimate = 'high') AS high_any,
  count(*) FILTER (estimate = 'high' AND grade >= 3) AS high_grade_3
FROM (
  SELECT estimate, grade, unnest(string_split(coalesce(domains, 'no domain'), '|')) AS domain
  FROM domains
  JOIN counted USING (study_id, subject_id)
  WHERE grade >= 1
)
GROUP BY domain
ORDER BY list_position(['cognition', 'consciousness', 'seizure', 'motor', 'icp', 'no domain'], domain)
