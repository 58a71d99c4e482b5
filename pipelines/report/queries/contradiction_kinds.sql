SELECT kind, rule_id, count(*) AS statements, count(DISTINCT (study_id, subject_id)) AS subjects
FROM out_contradictions
WHERE study_id IN $studies
GROUP BY kind, rule_id
ORDER BY statements DESC, kind, rule_id
