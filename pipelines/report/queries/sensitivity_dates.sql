SELECT
  measure,
  estimate,
  imputed_dates,
  count(days) AS subjects,
  round(median(days), 6) AS median,
  min(days) AS minimum,
  max(days) AS maximum
FROM (
  SELECT
    estimate,
    unnest(['onset_day', 'duration_days', 'first_day_grade_3']) AS measure,
    unnest([onset_day, duration_days, first_day_grade_3]) AS days,
    treatment AS imputed_dates
  FROM (
    SELECT *
    FROM out_subject_courses
    WHERE study_id IN $studies
    QUALIFY infusion_number = min(infusion_number) OVER (PARTITION BY study_id, subject_id)
  )
  JOIN (VALUES ('included'), ('excluded')) AS treated (treatment)
    ON treatment = 'included' OR NOT has_imputed_date
)
GROUP BY measure, estimate, imputed_dates
ORDER BY
  list_position(['onset_day', 'duration_days', 'first_day_grade_3'], measure),
  list_position(['low', 'point', 'high'], estimate),
  imputed_dates DESC
