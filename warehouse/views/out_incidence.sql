CREATE VIEW out_incidence AS
SELECT
  incidence.study_id,
  incidence.window_days,
  incidence.window_days = study.primary_window_days AS is_primary_window,
  incidence.estimate,
  CASE WHEN incidence.threshold = 1 THEN 'any' ELSE '>= ' || incidence.threshold END AS threshold,
  incidence.subjects,
  incidence.subjects_unknown,
  incidence.denominator,
  incidence.denominator_name,
  round(100 * incidence.proportion, 1) AS percent,
  round(100 * incidence.ci_low, 1) AS ci_low_percent,
  round(100 * incidence.ci_high, 1) AS ci_high_percent,
  study.mapping_release_id,
  study.mapping_review_status
FROM core_incidence AS incidence
JOIN core_studies AS study USING (run_id, study_id)
JOIN core_runs AS run USING (run_id, study_id)
WHERE run.is_current
ORDER BY incidence.study_id, incidence.window_days, incidence.estimate, incidence.threshold;

COMMENT ON VIEW out_incidence IS
  'Incidence by subject in the current run: ICANS under low, point and high, and the source scale, at any grade and at or above 2, 3 and 4, with exact 95 % confidence intervals.';
COMMENT ON COLUMN out_incidence.study_id IS 'Study identifier';
COMMENT ON COLUMN out_incidence.window_days IS 'Last day of the window; day 0 is the infusion';
COMMENT ON COLUMN out_incidence.is_primary_window IS 'The window of the headline result';
COMMENT ON COLUMN out_incidence.estimate IS 'icans_low, icans_point, icans_high, or the source scale over a comparator set';
COMMENT ON COLUMN out_incidence.threshold IS 'any, >= 2, >= 3 or >= 4';
COMMENT ON COLUMN out_incidence.subjects IS 'Subjects at or above the threshold';
COMMENT ON COLUMN out_incidence.subjects_unknown IS 'Subjects whose grade is not known; they are in the denominator and not in the count';
COMMENT ON COLUMN out_incidence.denominator IS 'Subjects the rate is of';
COMMENT ON COLUMN out_incidence.denominator_name IS 'What the denominator counts';
COMMENT ON COLUMN out_incidence.percent IS 'Percent of the denominator. Null: empty denominator';
COMMENT ON COLUMN out_incidence.ci_low_percent IS 'Exact (Clopper-Pearson) 95 % lower limit. Null: empty denominator';
COMMENT ON COLUMN out_incidence.ci_high_percent IS 'Exact (Clopper-Pearson) 95 % upper limit. Null: empty denominator';
COMMENT ON COLUMN out_incidence.mapping_release_id IS 'Mapping release used';
COMMENT ON COLUMN out_incidence.mapping_review_status IS 'Review status of that release';
