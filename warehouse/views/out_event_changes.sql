CREATE VIEW out_event_changes AS
SELECT
  scale.study_id,
  scale.subject_id,
  graded.source_file,
  graded.source_row,
  coalesce(concept.label, '(not mapped)') AS term,
  scale.concept_id,
  graded.domains,
  graded.is_core,
  coalesce(graded.is_sponsor, false) AS is_sponsor,
  graded.is_broad,
  scale.source_grade,
  scale.low,
  scale.point,
  scale.high,
  scale.change_low,
  scale.change_point,
  scale.change_high,
  graded.window_status,
  graded.rule_id,
  study.mapping_release_id,
  study.mapping_review_status
FROM diff_scale_events AS scale
JOIN core_event_grades AS graded USING (run_id, study_id, subject_id, event_id)
JOIN core_studies AS study USING (run_id, study_id)
JOIN core_runs AS run USING (run_id, study_id)
LEFT JOIN map_concepts AS concept
  ON concept.release_id = study.mapping_release_id AND concept.concept_id = scale.concept_id
WHERE run.is_current
ORDER BY scale.study_id, scale.subject_id, graded.source_file, graded.source_row;

COMMENT ON VIEW out_event_changes IS
  'Current run: each adverse-event row that is in a comparator set or can be ICANS, its source grade against its ICANS interval, whenever it began (see window_status).';
COMMENT ON COLUMN out_event_changes.study_id IS 'Study identifier';
COMMENT ON COLUMN out_event_changes.subject_id IS 'Subject identifier';
COMMENT ON COLUMN out_event_changes.source_file IS 'File of the row';
COMMENT ON COLUMN out_event_changes.source_row IS 'Data row in that file';
COMMENT ON COLUMN out_event_changes.term IS 'What the term means in the release; (not mapped) where nobody has decided';
COMMENT ON COLUMN out_event_changes.concept_id IS 'Concept. Null: unmapped';
COMMENT ON COLUMN out_event_changes.domains IS 'ICANS domains restricted, joined by |. Null: no domain';
COMMENT ON COLUMN out_event_changes.is_core IS 'In the core comparator set';
COMMENT ON COLUMN out_event_changes.is_sponsor IS 'Flagged as neurotoxicity by the sponsor; false too where no flag is recorded';
COMMENT ON COLUMN out_event_changes.is_broad IS 'In the broad comparator set';
COMMENT ON COLUMN out_event_changes.source_grade IS 'Grade as recorded, severity words as 1..5. Null: missing or unreadable';
COMMENT ON COLUMN out_event_changes.low IS 'Lowest ICANS grade consistent with the row';
COMMENT ON COLUMN out_event_changes.point IS 'Most defensible ICANS grade. Null: no single grade is defensible';
COMMENT ON COLUMN out_event_changes.high IS 'Highest ICANS grade consistent with the row';
COMMENT ON COLUMN out_event_changes.change_low IS 'Source grade to ICANS low';
COMMENT ON COLUMN out_event_changes.change_point IS 'Source grade to ICANS point';
COMMENT ON COLUMN out_event_changes.change_high IS 'Source grade to ICANS high';
COMMENT ON COLUMN out_event_changes.window_status IS 'Onset against the primary window';
COMMENT ON COLUMN out_event_changes.rule_id IS 'Rule that set the interval before context';
COMMENT ON COLUMN out_event_changes.mapping_release_id IS 'Mapping release used';
COMMENT ON COLUMN out_event_changes.mapping_review_status IS 'Review status of that release';
