SELECT
  study_id,
  run_id,
  code_version,
  code_sha256,
  manifest_sha256,
  inputs_sha256,
  mapping_release_id,
  mapping_release_sha256
FROM out_latest_runs
WHERE study_id IN $studies
ORDER BY study_id
