CREATE VIEW out_time_to_event AS
SELECT
  waiting.study_id,
  waiting.subject_id,
  waiting.parameter,
  waiting.estimate,
  waiting.start_day,
  waiting.day,
  waiting.study_day,
  waiting.waiting_days,
  waiting.is_event,
  CASE WHEN waiting.is_event THEN 0 ELSE 1 END AS censored,
  waiting.censoring_reason,
  waiting.is_imputed,
  subject.arm,
  study.mapping_release_id,
  study.mapping_review_status
FROM core_time_to_event AS waiting
JOIN core_subjects AS subject USING (run_id, study_id, subject_id)
JOIN core_studies AS study USING (run_id, study_id)
JOIN core_runs AS run USING (run_id, study_id)
WHERE run.is_current
ORDER BY waiting.study_id, waiting.parameter, waiting.estimate, waiting.subject_id;

COMMENT ON VIEW out_time_to_event IS
  'Current run: days from the first dated infusion to ICANS, to grade 3 and to resolution, or to censoring, one row per subject, parameter and estimate; ready for a Kaplan-Meier estimate over waiting_days and censored.';
COMMENT ON COLUMN out_time_to_event.study_id IS 'Study identifier';
COMMENT ON COLUMN out_time_to_event.subject_id IS 'Subject identifier';
COMMENT ON COLUMN out_time_to_event.parameter IS 'ICANS_ANY, ICANS_GRADE_3 or ICANS_RESOLUTION';
COMMENT ON COLUMN out_time_to_event.estimate IS 'low: what certainly happened, at the latest; high: what possibly happened, at the earliest; point: one date per event, imputed where partial';
COMMENT ON COLUMN out_time_to_event.start_day IS 'Day from which the waiting counts: 0, or the first ICANS day for the resolution';
COMMENT ON COLUMN out_time_to_event.day IS 'Day of the event or of censoring; the infusion is day 0';
COMMENT ON COLUMN out_time_to_event.study_day IS 'The same, CDISC count: the infusion is day 1';
COMMENT ON COLUMN out_time_to_event.waiting_days IS 'day - start_day (AVAL)';
COMMENT ON COLUMN out_time_to_event.is_event IS 'The event happened on that day; else censored there';
COMMENT ON COLUMN out_time_to_event.censored IS '0 event, 1 censored (CNSR)';
COMMENT ON COLUMN out_time_to_event.censoring_reason IS 'Why follow-up ended; no_onset: there was nothing to resolve. Null: the event happened';
COMMENT ON COLUMN out_time_to_event.is_imputed IS 'The day rests on an imputed date';
COMMENT ON COLUMN out_time_to_event.arm IS 'Planned or actual arm. Null: not recorded';
COMMENT ON COLUMN out_time_to_event.mapping_release_id IS 'Mapping release used';
COMMENT ON COLUMN out_time_to_event.mapping_review_status IS 'Review status of that release';
