CREATE VIEW out_closing_work_list AS
SELECT
  fact.impact_rank,
  fact.impact,
  fact.study_id,
  fact.subject_id,
  fact.threshold,
  fact.sentence,
  fact.fact,
  fact.infusion_number,
  fact.first_day,
  fact.last_day,
  fact.domains,
  fact.rules,
  fact.events,
  subject.outcome,
  subject.low,
  subject.point,
  subject.high,
  study.mapping_release_id,
  study.mapping_review_status
FROM core_closing_facts AS fact
JOIN core_subject_grades AS subject
  ON subject.run_id = fact.run_id
  AND subject.study_id = fact.study_id
  AND subject.subject_id = fact.subject_id
  AND subject.infusion_number = 0
  AND subject.is_primary_window
JOIN core_studies AS study ON study.run_id = fact.run_id AND study.study_id = fact.study_id
JOIN core_runs AS run ON run.run_id = fact.run_id AND run.study_id = fact.study_id
WHERE run.is_current
ORDER BY
  fact.impact_rank, fact.study_id, fact.subject_id, fact.threshold, fact.infusion_number, fact.first_day,
  fact.fact;

COMMENT ON VIEW out_closing_work_list IS
  'Work list of the current run: the facts that would settle each open threshold of each subject, the most urgent first (a death that may be ICANS 5, grade 3 open, any ICANS open, the rest). All facts of a subject and threshold together settle it.';
COMMENT ON COLUMN out_closing_work_list.impact_rank IS '1 is the most urgent impact';
COMMENT ON COLUMN out_closing_work_list.impact IS 'fatal (grade 5 open), crosses_3, crosses_1, or other (grade 2 or 4 open)';
COMMENT ON COLUMN out_closing_work_list.study_id IS 'Study identifier';
COMMENT ON COLUMN out_closing_work_list.subject_id IS 'Subject identifier';
COMMENT ON COLUMN out_closing_work_list.threshold IS 'Grade threshold that is open; 1 is the primary outcome';
COMMENT ON COLUMN out_closing_work_list.sentence IS 'The fact with its days, e.g. ICE score on days 6 to 9';
COMMENT ON COLUMN out_closing_work_list.fact IS 'The fact';
COMMENT ON COLUMN out_closing_work_list.infusion_number IS 'Infusion that the days count from; 0 where the fact is not about days';
COMMENT ON COLUMN out_closing_work_list.first_day IS 'First day it is needed for; -1 where the days are not known';
COMMENT ON COLUMN out_closing_work_list.last_day IS 'Last day it is needed for; -1 where the days are not known';
COMMENT ON COLUMN out_closing_work_list.domains IS 'Domains of the responsible rows, joined by |. Null: no domain';
COMMENT ON COLUMN out_closing_work_list.rules IS 'Responsible rules, joined by |';
COMMENT ON COLUMN out_closing_work_list.events IS 'Responsible rows';
COMMENT ON COLUMN out_closing_work_list.outcome IS 'Outcome of the subject in the primary window';
COMMENT ON COLUMN out_closing_work_list.low IS 'Lowest ICANS grade of the subject consistent with the record';
COMMENT ON COLUMN out_closing_work_list.point IS 'Most defensible ICANS grade of the subject. Null: no single grade is defensible';
COMMENT ON COLUMN out_closing_work_list.high IS 'Highest ICANS grade of the subject consistent with the record';
COMMENT ON COLUMN out_closing_work_list.mapping_release_id IS 'Mapping release used';
COMMENT ON COLUMN out_closing_work_list.mapping_review_status IS 'Review status of that release';
