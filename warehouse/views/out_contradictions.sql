CREATE VIEW out_contradictions AS
SELECT
  contradiction.study_id,
  contradiction.subject_id,
  contradiction.kind,
  contradiction.detail,
  contradiction.left_place,
  contradiction.left_value,
  contradiction.right_place,
  contradiction.right_value,
  contradiction.rule_id,
  contradiction.decision
FROM core_contradictions AS contradiction
JOIN core_runs AS run USING (run_id, study_id)
WHERE run.is_current
ORDER BY
  contradiction.study_id, contradiction.subject_id, contradiction.kind, contradiction.left_place,
  contradiction.right_place, contradiction.detail;

COMMENT ON VIEW out_contradictions IS
  'Current run: two statements of the record that cannot both hold, with both sides and the rule that decided; nothing is averaged.';
COMMENT ON COLUMN out_contradictions.study_id IS 'Study identifier';
COMMENT ON COLUMN out_contradictions.subject_id IS 'Subject identifier';
COMMENT ON COLUMN out_contradictions.kind IS 'What contradicts what';
COMMENT ON COLUMN out_contradictions.detail IS 'Domain, item or column that the two disagree on';
COMMENT ON COLUMN out_contradictions.left_place IS 'Where the first statement is: file:row';
COMMENT ON COLUMN out_contradictions.left_value IS 'What the first says';
COMMENT ON COLUMN out_contradictions.right_place IS 'Where the second statement is: file:row, several joined by |';
COMMENT ON COLUMN out_contradictions.right_value IS 'What the second says';
COMMENT ON COLUMN out_contradictions.rule_id IS 'Rule that decided';
COMMENT ON COLUMN out_contradictions.decision IS 'What was done, in words';
