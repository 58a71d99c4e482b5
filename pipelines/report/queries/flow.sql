SELECT source_grade, icans_point, count(*) AS subjects
FROM (
  SELECT
    coalesce(CAST(source_grade AS VARCHAR), 'unknown') AS source_grade,
    CASE
      WHEN NOT is_evaluable THEN 'not evaluable'
      WHEN point IS NULL THEN 'indeterminate'
      ELSE CAST(point AS VARCHAR)
    END AS icans_point
  FROM out_subject_changes
  WHERE comparator_set = 'broad' AND is_primary_window AND is_counted AND study_id IN $studies
)
GROUP BY source_grade, icans_point
ORDER BY source_grade, icans_point
