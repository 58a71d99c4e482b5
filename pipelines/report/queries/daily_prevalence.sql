SELECT
  day,
  sum(prevalence.grade_1) AS grade_1,
  sum(prevalence.grade_2) AS grade_2,
  sum(prevalence.grade_3) AS grade_3,
  sum(prevalence.grade_4) AS grade_4,
  sum(prevalence.grade_5) AS grade_5,
  sum(prevalence.no_single_grade) AS no_single_grade,
  sum(prevalence.assessed) AS assessed,
  sum(prevalence.denominator) AS denominator
FROM out_daily_prevalence AS prevalence
WHERE study_id IN $studies
GROUP BY day
ORDER BY day
