SELECT
  estimate,
  grade,
  count(*) FILTER (days > 0) AS subjects,
  sum(days) AS subject_days,
  round(median(days) FILTER (days > 0), 6) AS median,
  max(days) AS maximum
FROM (
  SELECT
    estimate,
    unnest([1, 2, 3, 4, 5]) AS grade,
    unnest([days_grade_1, days_grade_2, days_grade_3, days_grade_4, days_grade_5]) AS days
  FROM (
    SELECT *
    FROM out_subject_courses
    WHERE study_id IN $studies
    QUALIFY infusion_number = min(infusion_number) OVER (PARTITION BY study_id, subject_id)
  )
)
GROUP BY estimate, grade
ORDER BY list_position(['low', 'point', 'high'], estimate), grade
