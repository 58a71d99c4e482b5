CREATE VIEW out_mapping_impact AS
SELECT
  impact.study_id,
  impact.subject_id,
  impact.old_release_id,
  impact.new_release_id,
  impact.infusion_number,
  impact.window_days,
  impact.is_primary_window,
  impact.low_before || '/' || coalesce(CAST(impact.point_before AS VARCHAR), '-') || '/' || impact.high_before
    AS interval_before,
  impact.low_after || '/' || coalesce(CAST(impact.point_after AS VARCHAR), '-') || '/' || impact.high_after
    AS interval_after,
  impact.outcome_before,
  impact.outcome_after,
  impact.outcome_before <> impact.outcome_after AS outcome_changes,
  impact.cause,
  impact.changes
FROM diff_mapping_impact AS impact
ORDER BY
  impact.study_id, impact.old_release_id, impact.new_release_id, impact.subject_id, impact.infusion_number,
  impact.window_days;

COMMENT ON VIEW out_mapping_impact IS
  'Subjects whose result differs between the newest mapping release and the one their study stands on (for a study that stands on the newest: the one that was made from), with the changes responsible.';
COMMENT ON COLUMN out_mapping_impact.study_id IS 'Study identifier';
COMMENT ON COLUMN out_mapping_impact.subject_id IS 'Subject identifier';
COMMENT ON COLUMN out_mapping_impact.old_release_id IS 'Release compared from';
COMMENT ON COLUMN out_mapping_impact.new_release_id IS 'Release compared to';
COMMENT ON COLUMN out_mapping_impact.infusion_number IS 'Infusion, or 0 for the maximum over all of them';
COMMENT ON COLUMN out_mapping_impact.window_days IS 'Last day of the window; day 0 is the infusion';
COMMENT ON COLUMN out_mapping_impact.is_primary_window IS 'The window of the headline result';
COMMENT ON COLUMN out_mapping_impact.interval_before IS 'low/point/high under the old release, - where no single grade is defensible';
COMMENT ON COLUMN out_mapping_impact.interval_after IS 'low/point/high under the new release, - where no single grade is defensible';
COMMENT ON COLUMN out_mapping_impact.outcome_before IS 'Outcome under the old release';
COMMENT ON COLUMN out_mapping_impact.outcome_after IS 'Outcome under the new release';
COMMENT ON COLUMN out_mapping_impact.outcome_changes IS 'The outcome is another';
COMMENT ON COLUMN out_mapping_impact.cause IS 'change: leaving out the one change named gives the old result; interaction: no one change does, and those named make it together';
COMMENT ON COLUMN out_mapping_impact.changes IS 'Changes responsible: table and row key of diff_mapping_rows, as a JSON list';
