CREATE VIEW out_daily_course AS
SELECT
  day.study_id,
  day.subject_id,
  day.infusion_number,
  day.day,
  day.study_day,
  CAST(infusion.infusion_earliest AS DATE) + day.day AS calendar_date,
  day.low,
  day.point,
  day.high,
  day.low || '/' || coalesce(CAST(day.point AS VARCHAR), '-') || '/' || day.high AS grade_interval,
  day.point_domains,
  day.domains AS high_domains,
  day.is_assessed,
  episode.episode_number
FROM core_subject_days AS day
JOIN core_infusions AS infusion USING (run_id, study_id, subject_id, infusion_number)
JOIN core_runs AS run USING (run_id, study_id)
LEFT JOIN core_episodes AS episode
  ON episode.run_id = day.run_id
  AND episode.study_id = day.study_id
  AND episode.subject_id = day.subject_id
  AND episode.infusion_number = day.infusion_number
  AND day.day BETWEEN episode.onset_day AND episode.last_day
WHERE run.is_current
ORDER BY day.study_id, day.subject_id, day.infusion_number, day.day;

COMMENT ON VIEW out_daily_course IS
  'Current run: the interval of each day on which ICANS is possible or that was assessed, with the domains behind it and the episode it belongs to.';
COMMENT ON COLUMN out_daily_course.study_id IS 'Study identifier';
COMMENT ON COLUMN out_daily_course.subject_id IS 'Subject identifier';
COMMENT ON COLUMN out_daily_course.infusion_number IS 'Infusion that is day 0';
COMMENT ON COLUMN out_daily_course.day IS 'Day; the day of the infusion is 0';
COMMENT ON COLUMN out_daily_course.study_day IS 'The same, CDISC count: the day of the infusion is 1';
COMMENT ON COLUMN out_daily_course.calendar_date IS 'Date of the day, counted from the first day the infusion can be';
COMMENT ON COLUMN out_daily_course.low IS 'Lowest grade of the day; 0 on each day of a row over several days';
COMMENT ON COLUMN out_daily_course.point IS 'Most defensible grade of the day. Null: no single grade is defensible, or the day is only possibly affected';
COMMENT ON COLUMN out_daily_course.high IS 'Highest grade of the day; 0 only on a day that was assessed';
COMMENT ON COLUMN out_daily_course.grade_interval IS 'low/point/high, - where no single grade is defensible';
COMMENT ON COLUMN out_daily_course.point_domains IS 'Domains behind point, joined by |. Null: point is 0 or null, or no domain';
COMMENT ON COLUMN out_daily_course.high_domains IS 'Domains behind high, joined by |. Null: no domain';
COMMENT ON COLUMN out_daily_course.is_assessed IS 'An assessment of that day can be used';
COMMENT ON COLUMN out_daily_course.episode_number IS 'Episode the day lies in. Null: none';
