CREATE VIEW out_subject_changes AS
WITH reported AS (
  SELECT DISTINCT run_id, study_id, subject_id
  FROM core_adverse_events
  WHERE grade IS NULL OR grade > 0
),
first_infusions AS (
  SELECT run_id, study_id, subject_id, min_by(product, infusion_number) AS product
  FROM core_infusions
  GROUP BY run_id, study_id, subject_id
)
SELECT
  scale.study_id,
  scale.subject_id,
  scale.comparator_set,
  scale.window_days,
  scale.is_primary_window,
  CASE
    WHEN study.denominator = 'infused subjects' THEN scale.is_infused
    ELSE reported.subject_id IS NOT NULL
  END AS is_counted,
  scale.source_grade,
  scale.is_source_incomplete,
  scale.outcome,
  scale.outcome <> 'NOT_EVALUABLE' AS is_evaluable,
  scale.low,
  scale.point,
  scale.high,
  CASE WHEN scale.outcome = 'NOT_EVALUABLE' THEN 'not_evaluable' ELSE scale.change_low END AS change_low,
  CASE WHEN scale.outcome = 'NOT_EVALUABLE' THEN 'not_evaluable' ELSE scale.change_point END AS change_point,
  CASE WHEN scale.outcome = 'NOT_EVALUABLE' THEN 'not_evaluable' ELSE scale.change_high END AS change_high,
  subject.arm,
  coalesce(first_infusion.product, study.product) AS product,
  subject.age_years,
  subject.population,
  study.mapping_release_id,
  study.mapping_review_status
FROM diff_scale_subjects AS scale
JOIN core_subjects AS subject USING (run_id, study_id, subject_id)
JOIN core_studies AS study USING (run_id, study_id)
JOIN core_runs AS run USING (run_id, study_id)
LEFT JOIN first_infusions AS first_infusion USING (run_id, study_id, subject_id)
LEFT JOIN reported USING (run_id, study_id, subject_id)
WHERE run.is_current
ORDER BY scale.study_id, scale.comparator_set, scale.window_days, scale.subject_id;

COMMENT ON VIEW out_subject_changes IS
  'Current run: each subject on both scales, the highest source grade of a comparator set against the ICANS interval, with who it is counted among. Filter by is_counted, by comparator_set and by window (is_primary_window) before counting.';
COMMENT ON COLUMN out_subject_changes.study_id IS 'Study identifier';
COMMENT ON COLUMN out_subject_changes.subject_id IS 'Subject identifier';
COMMENT ON COLUMN out_subject_changes.comparator_set IS 'Events the source grade is taken over: broad, core or sponsor';
COMMENT ON COLUMN out_subject_changes.window_days IS 'Last day of the window; day 0 is the infusion';
COMMENT ON COLUMN out_subject_changes.is_primary_window IS 'The window of the headline result';
COMMENT ON COLUMN out_subject_changes.is_counted IS 'The subject is in the denominator: infused, or, where the study has no subject table, with a reported event';
COMMENT ON COLUMN out_subject_changes.source_grade IS 'Highest source grade of the set in the window, 0 where no event. Null: its only events have no grade';
COMMENT ON COLUMN out_subject_changes.is_source_incomplete IS 'An event of the set has no readable grade';
COMMENT ON COLUMN out_subject_changes.outcome IS 'ICANS outcome in one word';
COMMENT ON COLUMN out_subject_changes.is_evaluable IS 'The window can be placed; if not, low, point and high are not known';
COMMENT ON COLUMN out_subject_changes.low IS 'Lowest ICANS grade consistent with the record';
COMMENT ON COLUMN out_subject_changes.point IS 'Most defensible ICANS grade. Null: no single grade is defensible';
COMMENT ON COLUMN out_subject_changes.high IS 'Highest ICANS grade consistent with the record';
COMMENT ON COLUMN out_subject_changes.change_low IS 'Source grade to ICANS low; not_evaluable without a dated infusion';
COMMENT ON COLUMN out_subject_changes.change_point IS 'Source grade to ICANS point; not_evaluable without a dated infusion';
COMMENT ON COLUMN out_subject_changes.change_high IS 'Source grade to ICANS high; not_evaluable without a dated infusion';
COMMENT ON COLUMN out_subject_changes.arm IS 'Planned or actual arm. Null: not recorded';
COMMENT ON COLUMN out_subject_changes.product IS 'Product of the first infusion, else of the study. Null: neither is recorded';
COMMENT ON COLUMN out_subject_changes.age_years IS 'Age in years. Null: unknown';
COMMENT ON COLUMN out_subject_changes.population IS 'Which cognition scale applies: adult, child or unknown';
COMMENT ON COLUMN out_subject_changes.mapping_release_id IS 'Mapping release used';
COMMENT ON COLUMN out_subject_changes.mapping_review_status IS 'Review status of that release';
