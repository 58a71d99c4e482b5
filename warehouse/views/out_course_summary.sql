CREATE VIEW out_course_summary AS
SELECT
  summary.study_id,
  summary.measure,
  summary.estimate,
  summary.imputed_dates,
  summary.subjects,
  summary.subjects_imputed,
  summary.median,
  summary.minimum,
  summary.maximum,
  study.mapping_release_id,
  study.mapping_review_status
FROM core_course_summary AS summary
JOIN core_studies AS study USING (run_id, study_id)
JOIN core_runs AS run USING (run_id, study_id)
WHERE run.is_current
ORDER BY summary.study_id, summary.measure, summary.estimate, summary.imputed_dates DESC;

COMMENT ON VIEW out_course_summary IS
  'Current run: median and range of onset, duration and first day at grade >= 3 over subjects after their first dated infusion, with how many rest on imputed dates and the result without them.';
COMMENT ON COLUMN out_course_summary.study_id IS 'Study identifier';
COMMENT ON COLUMN out_course_summary.measure IS 'onset_day, duration_days or first_day_grade_3';
COMMENT ON COLUMN out_course_summary.estimate IS 'Which value of each day is counted: low, point or high';
COMMENT ON COLUMN out_course_summary.imputed_dates IS 'Subjects whose course rests on an imputed date are included or excluded';
COMMENT ON COLUMN out_course_summary.subjects IS 'Subjects with a value';
COMMENT ON COLUMN out_course_summary.subjects_imputed IS 'Of these, subjects whose course rests on an imputed date';
COMMENT ON COLUMN out_course_summary.median IS 'Median in days. Null: no subject';
COMMENT ON COLUMN out_course_summary.minimum IS 'Smallest. Null: no subject';
COMMENT ON COLUMN out_course_summary.maximum IS 'Largest. Null: no subject';
COMMENT ON COLUMN out_course_summary.mapping_release_id IS 'Mapping release used';
COMMENT ON COLUMN out_course_summary.mapping_review_status IS 'Review status of that release';
