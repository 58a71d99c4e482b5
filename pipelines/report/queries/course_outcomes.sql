SELECT
  estimate,
  count(onset_day) AS onset,
  count(*) FILTER (is_late_onset) AS late_onset,
  count(*) FILTER (recurrences > 0) AS recurrent,
  count(*) FILTER (is_unresolved) AS unresolved,
  count(*) FILTER (crs_relation = 'before') AS before_crs,
  count(*) FILTER (crs_relation = 'during') AS during_crs,
  count(*) FILTER (crs_relation = 'after') AS after_crs,
  count(*) FILTER (crs_relation = 'none') AS without_crs,
  count(*) AS denominator
FROM (
  SELECT *
  FROM out_subject_courses
  WHERE study_id IN $studies
  QUALIFY infusion_number = min(infusion_number) OVER (PARTITION BY study_id, subject_id)
)
GROUP BY estimate
ORDER BY list_position(['low', 'point', 'high'], estimate)
