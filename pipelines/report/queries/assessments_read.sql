SELECT
  domain,
  count(*) AS moments,
  count(*) FILTER (is_usable) AS usable_moments,
  count(DISTINCT (study_id, subject_id)) AS subjects
FROM core_assessment_grades
JOIN core_runs USING (run_id, study_id)
WHERE is_current AND study_id IN $studies
GROUP BY domain
ORDER BY list_position(['cognition', 'consciousness', 'seizure', 'motor', 'icp', 'all'], domain)
