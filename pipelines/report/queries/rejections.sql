SELECT table_name, rule_id, reason, count(*) AS number
FROM core_rejected_rows
JOIN core_runs USING (run_id, study_id)
WHERE is_current AND study_id IN $studies
GROUP BY table_name, rule_id, reason
ORDER BY number DESC, table_name, rule_id, reason
