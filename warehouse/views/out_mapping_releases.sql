CREATE VIEW out_mapping_releases AS
SELECT
  release.release_id,
  release.status,
  release.parent_release_id,
  (SELECT count(*) FROM map_concepts AS row WHERE row.release_id = release.release_id) AS concepts,
  (SELECT count(*) FROM map_terms AS row WHERE row.release_id = release.release_id) AS terms,
  (SELECT count(*) FROM map_grades AS row WHERE row.release_id = release.release_id) AS grades,
  (SELECT count(*) FROM diff_mapping_rows AS row
    WHERE row.new_release_id = release.release_id AND row.old_release_id = release.parent_release_id)
    AS rows_changed,
  (SELECT string_agg(study_id, '|' ORDER BY study_id) FROM core_runs AS run
    WHERE run.is_current AND run.mapping_release_id = release.release_id) AS current_studies,
  (SELECT string_agg(study_id, '|' ORDER BY study_id) FROM core_runs AS run
    WHERE NOT run.is_current AND run.mapping_release_id = release.release_id) AS other_studies,
  release.clinical_sign_offs,
  release.data_sign_offs,
  release.change_note,
  release.release_sha256
FROM map_releases AS release
ORDER BY release.release_id;

COMMENT ON VIEW out_mapping_releases IS
  'Mapping releases with their size, what they changed, and the studies that have a run under them.';
COMMENT ON COLUMN out_mapping_releases.release_id IS 'Release; private overlays on it stand behind a +';
COMMENT ON COLUMN out_mapping_releases.status IS 'draft, under_review, published or withdrawn';
COMMENT ON COLUMN out_mapping_releases.parent_release_id IS 'Release it was made from. Null: the first release';
COMMENT ON COLUMN out_mapping_releases.concepts IS 'Concepts';
COMMENT ON COLUMN out_mapping_releases.terms IS 'Terms and codes';
COMMENT ON COLUMN out_mapping_releases.grades IS 'Grade decisions';
COMMENT ON COLUMN out_mapping_releases.rows_changed IS 'Rows of diff_mapping_rows against the parent; 0 too where they were not compared';
COMMENT ON COLUMN out_mapping_releases.current_studies IS 'Studies whose current run it graded, joined by |. Null: none';
COMMENT ON COLUMN out_mapping_releases.other_studies IS 'Studies with another run under it, joined by |. Null: none';
COMMENT ON COLUMN out_mapping_releases.clinical_sign_offs IS 'Clinical sign-offs recorded';
COMMENT ON COLUMN out_mapping_releases.data_sign_offs IS 'Data-management sign-offs recorded';
COMMENT ON COLUMN out_mapping_releases.change_note IS 'What changed and why';
COMMENT ON COLUMN out_mapping_releases.release_sha256 IS 'sha256 over everything of the release that decides';
