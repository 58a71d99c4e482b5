SELECT measure, number, denominator, round(100 * number / nullif(denominator, 0), 1) AS percent
FROM (
  SELECT
    unnest([
      'Subjects with an assessment in the window',
      'Indeterminate by adverse events alone',
      'Indeterminate with assessments',
      'Closed: one grade is left',
      'Narrowed: fewer grades are left, not one'
    ]) AS measure,
    unnest([1, 2, 3, 4, 5]) AS place,
    unnest([
      count(*) FILTER (assessments > 0),
      count(*) FILTER (events_alone_low = 0 AND events_alone_high > 0),
      count(*) FILTER (outcome = 'INDETERMINATE'),
      count(*) FILTER (events_alone_low < events_alone_high AND low = high),
      count(*) FILTER (low < high AND high - low < events_alone_high - events_alone_low)
    ]) AS number,
    count(*) AS denominator
  FROM core_subject_grades
  JOIN core_runs USING (run_id, study_id)
  WHERE is_current AND infusion_number = 0 AND is_primary_window AND is_infused AND outcome <> 'NOT_EVALUABLE'
    AND study_id IN $studies
)
ORDER BY place
