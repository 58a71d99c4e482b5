WITH rows AS (
  SELECT disposition, concept_id, is_broad
  FROM core_event_grades
  JOIN core_runs USING (run_id, study_id)
  WHERE is_current AND study_id IN $studies
),
studies AS (
  SELECT sum(ae_rows_read) AS rows_read, sum(ae_rows_valid) AS rows_valid, sum(ae_rows_rejected) AS rows_rejected
  FROM core_studies
  JOIN core_runs USING (run_id, study_id)
  WHERE is_current AND study_id IN $studies
)
SELECT item, number, denominator, round(100 * number / nullif(denominator, 0), 1) AS percent
FROM (
  SELECT 1 AS place, 'Adverse-event rows read' AS item, rows_read AS number, rows_read AS denominator FROM studies
  UNION ALL
  SELECT 2, 'Rejected: a row that could not be used', rows_rejected, rows_read FROM studies
  UNION ALL
  SELECT 3, 'Graded', rows_valid, rows_read FROM studies
  UNION ALL
  SELECT 4, 'Mapped to a concept of the release', count(concept_id), count(*) FROM rows
  UNION ALL
  SELECT 5, 'Informs an ICANS domain', count(*) FILTER (disposition IN ('informs', 'needs_adjudication', 'fatal')), count(*) FROM rows
  UNION ALL
  SELECT 6, 'Unmapped, class in scope: any grade stays possible', count(*) FILTER (disposition = 'unmapped'), count(*) FROM rows
  UNION ALL
  SELECT 7, 'Out of scope by its class', count(*) FILTER (disposition = 'out_of_scope'), count(*) FROM rows
  UNION ALL
  SELECT 8, 'In the broad comparator set', count(*) FILTER (is_broad), count(*) FROM rows
)
ORDER BY place
