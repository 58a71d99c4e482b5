SELECT
  measure,
  estimate,
  count(days) AS subjects,
  count(days) FILTER (has_imputed_date) AS imputed_subjects,
  round(median(days), 6) AS median,
  min(days) AS minimum,
  max(days) AS maximum
FROM (
  SELECT
    estimate,
    has_imputed_date,
    unnest(['onset_day', 'duration_days', 'first_day_grade_3']) AS measure,
    unnest([onset_day, duration_days, first_day_grade_3]) AS days
  FROM (
    SELECT *
    FROM out_subject_courses
    WHERE study_id IN $studies
    QUALIFY infusion_number = min(infusion_number) OVER (PARTITION BY study_id, subject_id)
  )
)
GROUP BY measure, estimate
ORDER BY
  list_position(['onset_day', 'duration_days', 'first_day_grade_3'], measure),
  list_position(['low', 'point', 'high'], estimate)
