WITH first_infusions AS (
  SELECT run_id, study_id, subject_id, min(CAST(infusion_earliest AS DATE)) AS infused
  FROM core_infusions
  GROUP BY run_id, study_id, subject_id
),
fatal AS (
  SELECT study_id, subject_id, string_agg(DISTINCT concept, '|' ORDER BY concept) AS terms
  FROM (
    SELECT study_id, subject_id, source_grade, review_reasons, coalesce(concept, '(not mapped)') AS concept
    FROM out_event_story
  )
  WHERE source_grade = 5 OR contains('|' || coalesce(review_reasons, '') || '|', '|fatal_outcome|')
  GROUP BY study_id, subject_id
)
SELECT
  subject.study_id,
  subject.subject_id,
  subject.vital_status,
  date_diff('day', infused, CAST(subject.death_earliest AS DATE)) AS death_day_earliest,
  date_diff('day', infused, CAST(subject.death_latest AS DATE)) AS death_day_latest,
  graded.low,
  graded.point,
  graded.high,
  graded.outcome,
  graded.high = 5 AS is_possibly_icans,
  fatal.terms AS fatal_terms
FROM core_subjects AS subject
JOIN core_runs AS run USING (run_id, study_id)
JOIN core_subject_grades AS graded USING (run_id, study_id, subject_id)
LEFT JOIN first_infusions USING (run_id, study_id, subject_id)
LEFT JOIN fatal USING (study_id, subject_id)
WHERE run.is_current AND graded.infusion_number = 0 AND graded.is_primary_window
  AND (subject.vital_status = 'dead' OR fatal.terms IS NOT NULL)
  AND subject.study_id IN $studies
ORDER BY graded.high DESC, graded.point DESC, subject.study_id, subject.subject_id
LIMIT 5000
