CREATE VIEW out_findings AS
SELECT
  study_id,
  rule_id,
  table_name,
  column_name,
  severity,
  status,
  count,
  denominator,
  round(100.0 * count / nullif(denominator, 0), 1) AS percent,
  description,
  next_action,
  example_rows
FROM core_findings
JOIN core_runs AS run USING (run_id, study_id)
WHERE run.is_current AND status IN ('fail', 'error')
ORDER BY study_id, severity, count DESC, rule_id, table_name, column_name;

COMMENT ON VIEW out_findings IS
  'Current run: checks that failed, with counts; passes and not-applicables are in core_findings.';
COMMENT ON COLUMN out_findings.study_id IS 'Study identifier';
COMMENT ON COLUMN out_findings.rule_id IS 'Rule id';
COMMENT ON COLUMN out_findings.table_name IS 'Table the rule looks at';
COMMENT ON COLUMN out_findings.column_name IS 'Column the rule looks at, or * for the row or the whole table';
COMMENT ON COLUMN out_findings.severity IS 'How much it matters: error, warning, info';
COMMENT ON COLUMN out_findings.status IS 'fail, or error where the check itself could not be made';
COMMENT ON COLUMN out_findings.count IS 'Rows that break the rule';
COMMENT ON COLUMN out_findings.denominator IS 'Rows the rule applies to';
COMMENT ON COLUMN out_findings.percent IS 'Percent of the denominator. Null: empty denominator';
COMMENT ON COLUMN out_findings.description IS 'The rule in words';
COMMENT ON COLUMN out_findings.next_action IS 'What to do about it';
COMMENT ON COLUMN out_findings.example_rows IS 'Up to five places as file:row. Null: none';
