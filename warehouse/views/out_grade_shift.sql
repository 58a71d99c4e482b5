CREATE VIEW out_grade_shift AS
WITH reported AS (
  SELECT DISTINCT run_id, study_id, subject_id
  FROM core_adverse_events
  WHERE grade IS NULL OR grade > 0
)
SELECT
  scale.study_id,
  scale.comparator_set,
  scale.window_days,
  coalesce(CAST(scale.source_grade AS VARCHAR), 'unknown') AS source_grade,
  CASE
    WHEN scale.outcome = 'NOT_EVALUABLE' THEN 'not evaluable'
    WHEN scale.point IS NULL THEN 'indeterminate'
    ELSE CAST(scale.point AS VARCHAR)
  END AS icans_point,
  count(*) AS subjects,
  any_value(study.denominator) AS denominator_name,
  any_value(study.mapping_release_id) AS mapping_release_id,
  any_value(study.mapping_review_status) AS mapping_review_status
FROM diff_scale_subjects AS scale
JOIN core_studies AS study USING (run_id, study_id)
JOIN core_runs AS run USING (run_id, study_id)
LEFT JOIN reported USING (run_id, study_id, subject_id)
WHERE run.is_current AND scale.is_primary_window
  AND CASE
    WHEN study.denominator = 'infused subjects' THEN scale.is_infused
    ELSE reported.subject_id IS NOT NULL
  END
GROUP BY scale.study_id, scale.comparator_set, scale.window_days, 4, 5
ORDER BY scale.study_id, scale.comparator_set, 4, 5;

COMMENT ON VIEW out_grade_shift IS
  'Shift table of the current run: highest source grade of a comparator set against the ICANS point, in subjects of the denominator, primary window. Cells without subjects have no row.';
COMMENT ON COLUMN out_grade_shift.study_id IS 'Study identifier';
COMMENT ON COLUMN out_grade_shift.comparator_set IS 'Events the source grade is taken over: broad, core or sponsor';
COMMENT ON COLUMN out_grade_shift.window_days IS 'Last day of the primary window; day 0 is the infusion';
COMMENT ON COLUMN out_grade_shift.source_grade IS 'Highest source grade of the set, 0 where no event; unknown where its only events have no grade';
COMMENT ON COLUMN out_grade_shift.icans_point IS 'Most defensible ICANS grade; indeterminate where no single grade is defensible, not evaluable without an infusion date';
COMMENT ON COLUMN out_grade_shift.subjects IS 'Subjects in the cell';
COMMENT ON COLUMN out_grade_shift.denominator_name IS 'What the subjects are counted among';
COMMENT ON COLUMN out_grade_shift.mapping_release_id IS 'Mapping release used';
COMMENT ON COLUMN out_grade_shift.mapping_review_status IS 'Review status of that release';
