WITH days AS (
  SELECT
    study_id,
    subject_id,
    infusion_number,
    day,
    low,
    point,
    high,
    day - row_number() OVER (
      PARTITION BY study_id, subject_id, infusion_number, low, point, high ORDER BY day
    ) AS run_of_days,
    max(high) OVER (PARTITION BY study_id, subject_id) AS highest_high,
    max(coalesce(point, 0)) OVER (PARTITION BY study_id, subject_id) AS highest_point
  FROM out_daily_course
  WHERE high > 0 AND study_id IN $studies
)
SELECT
  study_id,
  subject_id,
  highest_point,
  highest_high,
  infusion_number,
  min(day) AS first_day,
  max(day) AS last_day,
  low,
  point,
  high
FROM days
GROUP BY
  study_id, subject_id, highest_point, highest_high, infusion_number, low, point, high, run_of_days
ORDER BY highest_point DESC, highest_high DESC, study_id, subject_id, infusion_number, first_day
LIMIT 5000
