CREATE VIEW out_mapping_diff AS
SELECT
  changed.old_release_id,
  changed.new_release_id,
  changed.change_class,
  changed.labels,
  changed.change,
  changed.map_table,
  changed.row_key,
  coalesce(concept.label, previous.label) AS concept,
  changed.scale_version,
  changed.grade,
  changed.low_before || '/' || coalesce(CAST(changed.point_before AS VARCHAR), '-') || '/' || changed.high_before
    AS interval_before,
  changed.low_after || '/' || coalesce(CAST(changed.point_after AS VARCHAR), '-') || '/' || changed.high_after
    AS interval_after,
  changed.changed_columns,
  changed.before,
  changed.after,
  changed.rationale
FROM diff_mapping_rows AS changed
LEFT JOIN map_concepts AS concept
  ON concept.release_id = changed.new_release_id AND concept.concept_id = changed.concept_id
LEFT JOIN map_concepts AS previous
  ON previous.release_id = changed.old_release_id
  AND previous.concept_id = coalesce(changed.previous_concept_id, changed.concept_id)
ORDER BY
  changed.old_release_id, changed.new_release_id,
  CASE changed.change_class WHEN 'MAJOR' THEN 1 WHEN 'MINOR' THEN 2 ELSE 3 END,
  changed.map_table, changed.row_key;

COMMENT ON VIEW out_mapping_diff IS
  'What differs between a mapping release and the one it was made from (or the one a study stands on), row by row, decisions first.';
COMMENT ON COLUMN out_mapping_diff.old_release_id IS 'Release compared from';
COMMENT ON COLUMN out_mapping_diff.new_release_id IS 'Release compared to';
COMMENT ON COLUMN out_mapping_diff.change_class IS 'MAJOR: a decision changes; MINOR: coverage is added; PATCH: words only';
COMMENT ON COLUMN out_mapping_diff.labels IS 'Change labels, joined by |';
COMMENT ON COLUMN out_mapping_diff.change IS 'added, removed or changed';
COMMENT ON COLUMN out_mapping_diff.map_table IS 'Table of the release';
COMMENT ON COLUMN out_mapping_diff.row_key IS 'Key of the row; of a grade row its rule id';
COMMENT ON COLUMN out_mapping_diff.concept IS 'Concept of the row. Null: none, or its release is not in this file';
COMMENT ON COLUMN out_mapping_diff.scale_version IS 'Scale version of the row. Null: the table has none';
COMMENT ON COLUMN out_mapping_diff.grade IS 'Source grade. Null: no grade row';
COMMENT ON COLUMN out_mapping_diff.interval_before IS 'low/point/high in the old release, - where no single grade is defensible. Null: no grade row there';
COMMENT ON COLUMN out_mapping_diff.interval_after IS 'low/point/high in the new release, - where no single grade is defensible. Null: no grade row there';
COMMENT ON COLUMN out_mapping_diff.changed_columns IS 'Columns whose cells differ, joined by |. Null: the row is not in both';
COMMENT ON COLUMN out_mapping_diff.before IS 'Cells before, as a JSON object. Null: the row is added';
COMMENT ON COLUMN out_mapping_diff.after IS 'Cells after, as a JSON object. Null: the row is removed';
COMMENT ON COLUMN out_mapping_diff.rationale IS 'Reason given. Null: none';
