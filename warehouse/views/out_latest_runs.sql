CREATE VIEW out_latest_runs AS
SELECT
  run.study_id,
  run.run_id,
  study.title,
  study.product,
  study.scale,
  study.scale_version,
  study.subjects,
  study.subjects_infused,
  study.denominator,
  study.ae_rows_read,
  study.ae_rows_valid,
  study.ae_rows_rejected,
  run.mapping_release_id,
  study.mapping_review_status,
  run.code_version,
  run.code_sha256,
  run.manifest_sha256,
  run.inputs_sha256,
  run.mapping_release_sha256
FROM core_runs AS run
JOIN core_studies AS study USING (run_id, study_id)
WHERE run.is_current
ORDER BY run.study_id;

COMMENT ON VIEW out_latest_runs IS
  'The current run of each study, the one the other views show, with its size and everything that determines it.';
COMMENT ON COLUMN out_latest_runs.study_id IS 'Study identifier';
COMMENT ON COLUMN out_latest_runs.run_id IS 'sha256 over inputs, manifest, release, parameters and code';
COMMENT ON COLUMN out_latest_runs.title IS 'Title. Null: not given';
COMMENT ON COLUMN out_latest_runs.product IS 'Cell product. Null: not given';
COMMENT ON COLUMN out_latest_runs.scale IS 'Grading scale of the table';
COMMENT ON COLUMN out_latest_runs.scale_version IS 'Version of the scale. Null: not recorded';
COMMENT ON COLUMN out_latest_runs.subjects IS 'Subjects';
COMMENT ON COLUMN out_latest_runs.subjects_infused IS 'Subjects with an infusion recorded';
COMMENT ON COLUMN out_latest_runs.denominator IS 'What rates are of';
COMMENT ON COLUMN out_latest_runs.ae_rows_read IS 'Adverse-event rows read';
COMMENT ON COLUMN out_latest_runs.ae_rows_valid IS 'Adverse-event rows graded';
COMMENT ON COLUMN out_latest_runs.ae_rows_rejected IS 'Adverse-event rows rejected';
COMMENT ON COLUMN out_latest_runs.mapping_release_id IS 'Mapping release used';
COMMENT ON COLUMN out_latest_runs.mapping_review_status IS 'Review status of that release';
COMMENT ON COLUMN out_latest_runs.code_version IS 'Version of this program';
COMMENT ON COLUMN out_latest_runs.code_sha256 IS 'sha256 over the sources of the pure rooms';
COMMENT ON COLUMN out_latest_runs.manifest_sha256 IS 'sha256 of the study manifest';
COMMENT ON COLUMN out_latest_runs.inputs_sha256 IS 'sha256 over the names and sha256 of the input files';
COMMENT ON COLUMN out_latest_runs.mapping_release_sha256 IS 'sha256 of the mapping release';
