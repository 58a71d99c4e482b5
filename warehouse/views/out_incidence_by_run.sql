CREATE VIEW out_incidence_by_run AS
SELECT
  incidence.study_id,
  run.mapping_release_id,
  run.is_current,
  run.is_comparable,
  incidence.window_days,
  incidence.window_days = study.primary_window_days AS is_primary_window,
  incidence.estimate,
  CASE WHEN incidence.threshold = 1 THEN 'any' ELSE '>= ' || incidence.threshold END AS threshold,
  incidence.subjects,
  incidence.subjects_unknown,
  incidence.denominator,
  round(100 * incidence.proportion, 1) AS percent,
  round(100 * incidence.ci_low, 1) AS ci_low_percent,
  round(100 * incidence.ci_high, 1) AS ci_high_percent,
  incidence.subjects - present.subjects AS subjects_against_current,
  study.mapping_review_status,
  run.run_id
FROM core_incidence AS incidence
JOIN core_studies AS study USING (run_id, study_id)
JOIN core_runs AS run USING (run_id, study_id)
LEFT JOIN core_runs AS present_run
  ON present_run.study_id = incidence.study_id AND present_run.is_current
LEFT JOIN core_incidence AS present
  ON present.run_id = present_run.run_id
  AND present.study_id = incidence.study_id
  AND present.window_days = incidence.window_days
  AND present.estimate = incidence.estimate
  AND present.threshold = incidence.threshold
ORDER BY
  incidence.study_id, run.mapping_release_id, incidence.window_days, incidence.estimate, incidence.threshold;

COMMENT ON VIEW out_incidence_by_run IS
  'Incidence as of any published run or mapping release, beside the current run. Filter by run_id, or by mapping_release_id; rows of is_comparable runs differ by the release alone.';
COMMENT ON COLUMN out_incidence_by_run.study_id IS 'Study identifier';
COMMENT ON COLUMN out_incidence_by_run.mapping_release_id IS 'Mapping release of the run';
COMMENT ON COLUMN out_incidence_by_run.is_current IS 'The run is the current one of the study';
COMMENT ON COLUMN out_incidence_by_run.is_comparable IS 'Only the mapping release differs from the current run';
COMMENT ON COLUMN out_incidence_by_run.window_days IS 'Last day of the window; day 0 is the infusion';
COMMENT ON COLUMN out_incidence_by_run.is_primary_window IS 'The window of the headline result';
COMMENT ON COLUMN out_incidence_by_run.estimate IS 'icans_low, icans_point, icans_high, or the source scale over a comparator set';
COMMENT ON COLUMN out_incidence_by_run.threshold IS 'any, >= 2, >= 3 or >= 4';
COMMENT ON COLUMN out_incidence_by_run.subjects IS 'Subjects at or above the threshold';
COMMENT ON COLUMN out_incidence_by_run.subjects_unknown IS 'Subjects whose grade is not known; they are in the denominator and not in the count';
COMMENT ON COLUMN out_incidence_by_run.denominator IS 'Subjects the rate is of';
COMMENT ON COLUMN out_incidence_by_run.percent IS 'Percent of the denominator. Null: empty denominator';
COMMENT ON COLUMN out_incidence_by_run.ci_low_percent IS 'Exact (Clopper-Pearson) 95 % lower limit. Null: empty denominator';
COMMENT ON COLUMN out_incidence_by_run.ci_high_percent IS 'Exact (Clopper-Pearson) 95 % upper limit. Null: empty denominator';
COMMENT ON COLUMN out_incidence_by_run.subjects_against_current IS 'Subjects more than in the current run. Null: the current run has no such row';
COMMENT ON COLUMN out_incidence_by_run.mapping_review_status IS 'Review status of that release';
COMMENT ON COLUMN out_incidence_by_run.run_id IS 'Run of the row';
