SELECT study_id, rule_id, table_name, column_name, severity, count AS number, denominator, percent, description
FROM out_findings
WHERE study_id IN $studies
ORDER BY study_id, list_position(['error', 'warning', 'info'], severity), number DESC, rule_id, table_name, column_name
