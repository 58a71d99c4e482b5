CREATE VIEW out_run_history AS
WITH headline AS (
  SELECT
    run_id,
    study_id,
    max(incidence.subjects) FILTER (estimate = 'source_broad' AND threshold = 1) AS source_any,
    max(incidence.subjects) FILTER (estimate = 'source_broad' AND threshold = 3) AS source_grade_3,
    max(incidence.subjects) FILTER (estimate = 'icans_low' AND threshold = 1) AS icans_low_any,
    max(incidence.subjects) FILTER (estimate = 'icans_point' AND threshold = 1) AS icans_point_any,
    max(incidence.subjects) FILTER (estimate = 'icans_high' AND threshold = 1) AS icans_high_any,
    max(incidence.subjects) FILTER (estimate = 'icans_point' AND threshold = 3) AS icans_point_grade_3
  FROM core_incidence AS incidence
  JOIN core_studies AS study USING (run_id, study_id)
  WHERE incidence.window_days = study.primary_window_days
  GROUP BY run_id, study_id
)
SELECT
  run.study_id,
  run.run_id,
  run.is_current,
  run.is_comparable,
  run.mapping_release_id,
  study.mapping_review_status,
  study.data_cutoff,
  study.attribution_policy,
  study.primary_window_days,
  study.subjects_infused,
  study.ae_rows_read,
  study.ae_rows_rejected,
  headline.source_any,
  headline.source_grade_3,
  headline.icans_low_any,
  headline.icans_point_any,
  headline.icans_high_any,
  headline.icans_point_grade_3,
  run.inputs_sha256 = present.inputs_sha256 AS has_current_inputs,
  run.manifest_sha256 = present.manifest_sha256 AS has_current_manifest,
  run.code_sha256 = present.code_sha256 AS has_current_code,
  run.code_version,
  run.code_sha256,
  run.manifest_sha256,
  run.inputs_sha256,
  run.mapping_release_sha256
FROM core_runs AS run
JOIN core_studies AS study USING (run_id, study_id)
LEFT JOIN headline USING (run_id, study_id)
LEFT JOIN core_runs AS present ON present.study_id = run.study_id AND present.is_current
ORDER BY run.study_id, run.is_current DESC, run.mapping_release_id;

COMMENT ON VIEW out_run_history IS
  'Every published run, the current one of each study first, with its headline counts and what it shares with the current run. Older runs of the same release are in the data home and not in this file.';
COMMENT ON COLUMN out_run_history.study_id IS 'Study identifier';
COMMENT ON COLUMN out_run_history.run_id IS 'sha256 over inputs, manifest, release, parameters and code';
COMMENT ON COLUMN out_run_history.is_current IS 'The run is the current one of the study';
COMMENT ON COLUMN out_run_history.is_comparable IS 'Only the mapping release differs from the current run';
COMMENT ON COLUMN out_run_history.mapping_release_id IS 'Mapping release of the run';
COMMENT ON COLUMN out_run_history.mapping_review_status IS 'Review status of that release';
COMMENT ON COLUMN out_run_history.data_cutoff IS 'Data cut, ISO 8601. Null: not given';
COMMENT ON COLUMN out_run_history.attribution_policy IS 'How causality evidence is used';
COMMENT ON COLUMN out_run_history.primary_window_days IS 'Last day of the primary window';
COMMENT ON COLUMN out_run_history.subjects_infused IS 'Subjects with an infusion recorded';
COMMENT ON COLUMN out_run_history.ae_rows_read IS 'Adverse-event rows read';
COMMENT ON COLUMN out_run_history.ae_rows_rejected IS 'Adverse-event rows rejected';
COMMENT ON COLUMN out_run_history.source_any IS 'Subjects with any grade by the source scale, broad set, primary window';
COMMENT ON COLUMN out_run_history.source_grade_3 IS 'Subjects at source grade 3 or more, broad set, primary window';
COMMENT ON COLUMN out_run_history.icans_low_any IS 'Subjects with any ICANS by low';
COMMENT ON COLUMN out_run_history.icans_point_any IS 'Subjects with any ICANS by point';
COMMENT ON COLUMN out_run_history.icans_high_any IS 'Subjects with any ICANS by high';
COMMENT ON COLUMN out_run_history.icans_point_grade_3 IS 'Subjects at ICANS grade 3 or more by point';
COMMENT ON COLUMN out_run_history.has_current_inputs IS 'Same input files as the current run. Null: the study has no current run';
COMMENT ON COLUMN out_run_history.has_current_manifest IS 'Same settings as the current run. Null: the study has no current run';
COMMENT ON COLUMN out_run_history.has_current_code IS 'Same program as the current run. Null: the study has no current run';
COMMENT ON COLUMN out_run_history.code_version IS 'Version of the program';
COMMENT ON COLUMN out_run_history.code_sha256 IS 'sha256 over the sources of the pure rooms';
COMMENT ON COLUMN out_run_history.manifest_sha256 IS 'sha256 of the study manifest';
COMMENT ON COLUMN out_run_history.inputs_sha256 IS 'sha256 over the names and sha256 of the input files';
COMMENT ON COLUMN out_run_history.mapping_release_sha256 IS 'sha256 of the mapping release';
