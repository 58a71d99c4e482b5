CREATE VIEW out_subject_grades_by_release AS
WITH graded AS (
  SELECT
    subject.*,
    run.mapping_release_id,
    run.is_current,
    run.is_comparable
  FROM core_subject_grades AS subject
  JOIN core_runs AS run USING (run_id, study_id)
)
SELECT
  graded.study_id,
  graded.subject_id,
  graded.infusion_number,
  graded.window_days,
  graded.is_primary_window,
  graded.is_infused,
  graded.mapping_release_id,
  graded.is_current,
  graded.is_comparable,
  graded.low,
  graded.point,
  graded.high,
  graded.outcome,
  present.mapping_release_id AS current_release_id,
  present.low AS current_low,
  present.point AS current_point,
  present.high AS current_high,
  present.outcome AS current_outcome,
  (graded.low, graded.point, graded.high, graded.outcome)
    IS DISTINCT FROM (present.low, present.point, present.high, present.outcome) AS differs,
  graded.low_rules,
  graded.point_rules,
  graded.high_rules,
  graded.run_id
FROM graded
LEFT JOIN graded AS present
  ON present.is_current
  AND present.study_id = graded.study_id
  AND present.subject_id = graded.subject_id
  AND present.infusion_number = graded.infusion_number
  AND present.window_days = graded.window_days
ORDER BY
  graded.study_id, graded.subject_id, graded.infusion_number, graded.window_days, graded.mapping_release_id;

COMMENT ON VIEW out_subject_grades_by_release IS
  'Every subject, infusion and window under each mapping release the study was run under, beside its result in the current run. All runs, not only current ones.';
COMMENT ON COLUMN out_subject_grades_by_release.study_id IS 'Study identifier';
COMMENT ON COLUMN out_subject_grades_by_release.subject_id IS 'Subject identifier';
COMMENT ON COLUMN out_subject_grades_by_release.infusion_number IS 'Infusion, or 0 for the maximum over all of them';
COMMENT ON COLUMN out_subject_grades_by_release.window_days IS 'Last day of the window; day 0 is the infusion';
COMMENT ON COLUMN out_subject_grades_by_release.is_primary_window IS 'The window of the headline result';
COMMENT ON COLUMN out_subject_grades_by_release.is_infused IS 'Counts in the denominator';
COMMENT ON COLUMN out_subject_grades_by_release.mapping_release_id IS 'Mapping release of the run';
COMMENT ON COLUMN out_subject_grades_by_release.is_current IS 'The run is the current one of the study';
COMMENT ON COLUMN out_subject_grades_by_release.is_comparable IS 'Only the mapping release differs from the current run: same files, settings and program';
COMMENT ON COLUMN out_subject_grades_by_release.low IS 'Lowest ICANS grade consistent with the record';
COMMENT ON COLUMN out_subject_grades_by_release.point IS 'Most defensible ICANS grade. Null: no single grade is defensible';
COMMENT ON COLUMN out_subject_grades_by_release.high IS 'Highest ICANS grade consistent with the record';
COMMENT ON COLUMN out_subject_grades_by_release.outcome IS 'Result in one word';
COMMENT ON COLUMN out_subject_grades_by_release.current_release_id IS 'Mapping release of the current run. Null: the current run has no such row';
COMMENT ON COLUMN out_subject_grades_by_release.current_low IS 'Low in the current run. Null: no such row there';
COMMENT ON COLUMN out_subject_grades_by_release.current_point IS 'Point in the current run. Null: no single grade is defensible, or no such row there';
COMMENT ON COLUMN out_subject_grades_by_release.current_high IS 'High in the current run. Null: no such row there';
COMMENT ON COLUMN out_subject_grades_by_release.current_outcome IS 'Outcome in the current run. Null: no such row there';
COMMENT ON COLUMN out_subject_grades_by_release.differs IS 'Low, point, high or outcome is another than in the current run';
COMMENT ON COLUMN out_subject_grades_by_release.low_rules IS 'Rules of the rows that set low, joined by |. Null: low is 0';
COMMENT ON COLUMN out_subject_grades_by_release.point_rules IS 'Rules of the rows that set point, joined by |. Null: point is 0 or null';
COMMENT ON COLUMN out_subject_grades_by_release.high_rules IS 'Rules of the rows that set high, joined by |. Null: high is 0';
COMMENT ON COLUMN out_subject_grades_by_release.run_id IS 'Run of the row';
