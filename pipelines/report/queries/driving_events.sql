SELECT
  term,
  coalesce(domains, 'no domain') AS domains,
  count(*) FILTER (change_point = 'unchanged') AS same,
  count(*) FILTER (change_point = 'up') AS up,
  count(*) FILTER (change_point = 'down') AS down,
  count(*) FILTER (change_point = 'to_zero') AS to_zero,
  count(*) FILTER (change_point = 'to_indeterminate') AS indeterminate,
  count(*) FILTER (change_point = 'source_unknown') AS source_unknown,
  count(*) AS total
FROM out_event_changes
WHERE study_id IN $studies
GROUP BY term, coalesce(domains, 'no domain')
ORDER BY total DESC, term, domains
