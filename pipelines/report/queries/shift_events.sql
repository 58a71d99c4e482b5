SELECT
  source_grade,
  count(*) FILTER (point = 0) AS icans_0,
  count(*) FILTER (point = 1) AS icans_1,
  count(*) FILTER (point = 2) AS icans_2,
  count(*) FILTER (point = 3) AS icans_3,
  count(*) FILTER (point = 4) AS icans_4,
  count(*) FILTER (point = 5) AS icans_5,
  count(*) FILTER (point IS NULL) AS no_single_grade,
  count(*) AS total
FROM (
  SELECT point, unnest([coalesce(CAST(source_grade AS VARCHAR), 'unknown'), 'total']) AS source_grade
  FROM out_event_changes
  WHERE is_broad AND study_id IN $studies
)
GROUP BY source_grade
ORDER BY list_position(['0', '1', '2', '3', '4', '5', 'unknown', 'total'], source_grade)
