CREATE VIEW out_drivers AS
WITH counted AS (
  SELECT DISTINCT run_id, study_id, subject_id, event_id, window_days
  FROM core_event_windows
  WHERE window_status IN ('inside', 'partly', 'no_infusion_date')
),
in_sets AS (
  SELECT run_id, study_id, subject_id, event_id, concept_id, source_grade, unnest(['broad', 'core', 'sponsor'])
    AS comparator_set, unnest([is_broad, is_core, coalesce(is_sponsor, false)]) AS is_in_set
  FROM core_event_grades
  WHERE disposition <> 'no_event'
)
SELECT
  scale.study_id,
  scale.subject_id,
  scale.comparator_set,
  scale.window_days,
  scale.is_primary_window,
  coalesce(concept.label, '(not mapped)') AS term,
  scale.source_grade,
  scale.low,
  scale.point,
  scale.high,
  CASE WHEN scale.outcome = 'NOT_EVALUABLE' THEN 'not_evaluable' ELSE scale.change_point END AS change_point,
  count(*) AS events,
  any_value(study.mapping_release_id) AS mapping_release_id,
  any_value(study.mapping_review_status) AS mapping_review_status
FROM diff_scale_subjects AS scale
JOIN counted USING (run_id, study_id, subject_id, window_days)
JOIN in_sets AS event USING (run_id, study_id, subject_id, event_id, comparator_set)
JOIN core_studies AS study USING (run_id, study_id)
JOIN core_runs AS run USING (run_id, study_id)
LEFT JOIN map_concepts AS concept
  ON concept.release_id = study.mapping_release_id AND concept.concept_id = event.concept_id
WHERE run.is_current AND event.is_in_set AND event.source_grade IS NOT DISTINCT FROM scale.source_grade
GROUP BY ALL
ORDER BY scale.study_id, scale.subject_id, scale.comparator_set, scale.window_days, term;

COMMENT ON VIEW out_drivers IS
  'Current run: what drives the source side of each subject: the terms of the comparator set whose rows carry the subject''s highest source grade in the window, with the change to ICANS. The ICANS side is in core_subject_grades (low_domains, point_rules and so on).';
COMMENT ON COLUMN out_drivers.study_id IS 'Study identifier';
COMMENT ON COLUMN out_drivers.subject_id IS 'Subject identifier';
COMMENT ON COLUMN out_drivers.comparator_set IS 'Events the source grade is taken over: broad, core or sponsor';
COMMENT ON COLUMN out_drivers.window_days IS 'Last day of the window; day 0 is the infusion';
COMMENT ON COLUMN out_drivers.is_primary_window IS 'The window of the headline result';
COMMENT ON COLUMN out_drivers.term IS 'What the term means in the release; (not mapped) where nobody has decided';
COMMENT ON COLUMN out_drivers.source_grade IS 'Highest source grade of the set in the window. Null: its only events have no grade';
COMMENT ON COLUMN out_drivers.low IS 'Lowest ICANS grade of the subject';
COMMENT ON COLUMN out_drivers.point IS 'Most defensible ICANS grade of the subject. Null: no single grade is defensible';
COMMENT ON COLUMN out_drivers.high IS 'Highest ICANS grade of the subject';
COMMENT ON COLUMN out_drivers.change_point IS 'Source grade to ICANS point; not_evaluable without a dated infusion';
COMMENT ON COLUMN out_drivers.events IS 'Rows of the term with that source grade';
COMMENT ON COLUMN out_drivers.mapping_release_id IS 'Mapping release used';
COMMENT ON COLUMN out_drivers.mapping_review_status IS 'Review status of that release';
