CREATE VIEW out_event_story AS
WITH rules AS (
  SELECT DISTINCT study.mapping_release_id AS release_id, graded.source_rules
  FROM core_event_grades AS graded
  JOIN core_studies AS study USING (run_id, study_id)
  JOIN core_runs AS run USING (run_id, study_id)
  WHERE run.is_current AND graded.source_rules IS NOT NULL
),
single_rules AS (
  SELECT release_id, source_rules, unnest(string_split(source_rules, '|')) AS rule_id
  FROM rules
),
texts AS (
  SELECT
    release_id,
    single_rules.source_rules,
    string_agg(DISTINCT decided.source_text, ' // ' ORDER BY decided.source_text) AS release_texts,
    string_agg(DISTINCT decided.decision, ' // ' ORDER BY decided.decision) AS decisions,
    string_agg(DISTINCT decided.rationale, ' // ' ORDER BY decided.rationale) AS rationales
  FROM single_rules
  JOIN map_grades AS decided USING (release_id, rule_id)
  GROUP BY release_id, single_rules.source_rules
)
SELECT
  event.study_id,
  event.subject_id,
  event.event_id,
  event.verbatim_term,
  event.preferred_term,
  event.grade_text,
  graded.source_grade,
  graded.scale,
  graded.scale_version,
  event.start_text,
  event.end_text,
  event.relationship,
  graded.infusion_number,
  graded.onset_day_earliest,
  graded.onset_day_latest,
  graded.window_status,
  concept.label AS concept,
  graded.domains,
  graded.disposition,
  graded.low,
  graded.point,
  graded.high,
  graded.rule_id,
  graded.context_rules,
  texts.release_texts,
  texts.decisions,
  texts.rationales,
  graded.review_reasons,
  graded.requires,
  event.source_file,
  event.source_row,
  study.mapping_release_id,
  study.mapping_review_status
FROM core_event_grades AS graded
JOIN core_adverse_events AS event USING (run_id, study_id, subject_id, event_id)
JOIN core_studies AS study USING (run_id, study_id)
JOIN core_runs AS run USING (run_id, study_id)
LEFT JOIN map_concepts AS concept
  ON concept.release_id = study.mapping_release_id AND concept.concept_id = graded.concept_id
LEFT JOIN texts
  ON texts.release_id = study.mapping_release_id AND texts.source_rules = graded.source_rules
WHERE run.is_current;

COMMENT ON VIEW out_event_story IS
  'Current run: each adverse-event row from source to ICANS interval: what was written, which decision of the release applied with its source text, what context changed, and why a person should look.';
COMMENT ON COLUMN out_event_story.study_id IS 'Study identifier';
COMMENT ON COLUMN out_event_story.subject_id IS 'Subject identifier';
COMMENT ON COLUMN out_event_story.event_id IS 'Event identifier within the subject';
COMMENT ON COLUMN out_event_story.verbatim_term IS 'Term as reported. Null: not recorded';
COMMENT ON COLUMN out_event_story.preferred_term IS 'Coded preferred term. Null: not coded';
COMMENT ON COLUMN out_event_story.grade_text IS 'Grade or severity as written. Null: empty cell';
COMMENT ON COLUMN out_event_story.source_grade IS 'Grade read, severity words as 1..5. Null: missing or unreadable';
COMMENT ON COLUMN out_event_story.scale IS 'Grading scale';
COMMENT ON COLUMN out_event_story.scale_version IS 'Version of the scale. Null: not recorded';
COMMENT ON COLUMN out_event_story.start_text IS 'Onset as written. Null: empty cell';
COMMENT ON COLUMN out_event_story.end_text IS 'End as written. Null: empty cell';
COMMENT ON COLUMN out_event_story.relationship IS 'Relationship to the cell product by the investigator. Null: not recorded';
COMMENT ON COLUMN out_event_story.infusion_number IS 'Latest infusion the event can follow. Null: none, or no infusion date';
COMMENT ON COLUMN out_event_story.onset_day_earliest IS 'First day the onset can be. Null: no lower bound or no infusion';
COMMENT ON COLUMN out_event_story.onset_day_latest IS 'Last day the onset can be. Null: no upper bound or no infusion';
COMMENT ON COLUMN out_event_story.window_status IS 'Onset against the primary window';
COMMENT ON COLUMN out_event_story.concept IS 'What the term means in the release. Null: unmapped or out of scope';
COMMENT ON COLUMN out_event_story.domains IS 'ICANS domains restricted, joined by |. Null: no domain';
COMMENT ON COLUMN out_event_story.disposition IS 'What the row does';
COMMENT ON COLUMN out_event_story.low IS 'Lowest ICANS grade consistent with the record';
COMMENT ON COLUMN out_event_story.point IS 'Most defensible ICANS grade. Null: no single grade is defensible';
COMMENT ON COLUMN out_event_story.high IS 'Highest ICANS grade consistent with the record';
COMMENT ON COLUMN out_event_story.rule_id IS 'Rule that set the interval before context';
COMMENT ON COLUMN out_event_story.context_rules IS 'Context rules applied, in order, joined by |. Null: none';
COMMENT ON COLUMN out_event_story.release_texts IS 'Grade texts of the source scale behind the decision, joined by //. Null: no text';
COMMENT ON COLUMN out_event_story.decisions IS 'Decisions of the release, joined by //. Null: no grade row';
COMMENT ON COLUMN out_event_story.rationales IS 'Why, joined by //. Null: no grade row';
COMMENT ON COLUMN out_event_story.review_reasons IS 'Why a person should look, joined by |. Null: no reason';
COMMENT ON COLUMN out_event_story.requires IS 'What would close the interval. Null: nothing';
COMMENT ON COLUMN out_event_story.source_file IS 'File of the row';
COMMENT ON COLUMN out_event_story.source_row IS 'Data row in that file';
COMMENT ON COLUMN out_event_story.mapping_release_id IS 'Mapping release used';
COMMENT ON COLUMN out_event_story.mapping_review_status IS 'Review status of that release';
