CREATE VIEW out_daily_prevalence AS
WITH first_infusions AS (
  SELECT run_id, study_id, subject_id, min(infusion_number) AS infusion_number
  FROM core_infusions
  WHERE infusion_earliest IS NOT NULL
  GROUP BY run_id, study_id, subject_id
),
numbers AS (
  SELECT run_id, study_id, count(*) AS subjects FROM first_infusions GROUP BY run_id, study_id
),
spans AS (
  SELECT study.run_id, study.study_id, unnest(range(0, 1 + greatest(study.primary_window_days, coalesce(
    (SELECT max(window_days) FROM core_subject_grades AS graded
      WHERE graded.run_id = study.run_id AND graded.study_id = study.study_id), 0)))) AS day
  FROM core_studies AS study
  JOIN core_runs AS run USING (run_id, study_id)
  WHERE run.is_current
),
counted AS (
  SELECT
    run_id,
    study_id,
    day,
    count(*) FILTER (point = 1) AS grade_1,
    count(*) FILTER (point = 2) AS grade_2,
    count(*) FILTER (point = 3) AS grade_3,
    count(*) FILTER (point = 4) AS grade_4,
    count(*) FILTER (point = 5) AS grade_5,
    count(*) FILTER (point IS NULL AND high > 0) AS no_single_grade,
    count(*) FILTER (low >= 1) AS certain,
    count(*) FILTER (high >= 1) AS possible,
    count(*) FILTER (is_assessed) AS assessed
  FROM core_subject_days
  JOIN first_infusions USING (run_id, study_id, subject_id, infusion_number)
  GROUP BY run_id, study_id, day
)
SELECT
  spans.study_id,
  CAST(spans.day AS INTEGER) AS day,
  coalesce(grade_1, 0) AS grade_1,
  coalesce(grade_2, 0) AS grade_2,
  coalesce(grade_3, 0) AS grade_3,
  coalesce(grade_4, 0) AS grade_4,
  coalesce(grade_5, 0) AS grade_5,
  coalesce(no_single_grade, 0) AS no_single_grade,
  coalesce(certain, 0) AS certain,
  coalesce(possible, 0) AS possible,
  coalesce(assessed, 0) AS assessed,
  coalesce(numbers.subjects, 0) AS denominator,
  study.mapping_release_id,
  study.mapping_review_status
FROM spans
JOIN core_studies AS study USING (run_id, study_id)
LEFT JOIN numbers USING (run_id, study_id)
LEFT JOIN counted USING (run_id, study_id, day)
ORDER BY spans.study_id, spans.day;

COMMENT ON VIEW out_daily_prevalence IS
  'Current run: subjects at each ICANS grade on each day after their first dated infusion. Every subject with a dated infusion stays in the denominator, those who died or were lost too.';
COMMENT ON COLUMN out_daily_prevalence.study_id IS 'Study identifier';
COMMENT ON COLUMN out_daily_prevalence.day IS 'Day; the day of the infusion is 0';
COMMENT ON COLUMN out_daily_prevalence.grade_1 IS 'Subjects whose point is 1 on that day';
COMMENT ON COLUMN out_daily_prevalence.grade_2 IS 'Subjects whose point is 2';
COMMENT ON COLUMN out_daily_prevalence.grade_3 IS 'Subjects whose point is 3';
COMMENT ON COLUMN out_daily_prevalence.grade_4 IS 'Subjects whose point is 4';
COMMENT ON COLUMN out_daily_prevalence.grade_5 IS 'Subjects whose point is 5';
COMMENT ON COLUMN out_daily_prevalence.no_single_grade IS 'Subjects with ICANS possible on that day and no single defensible grade';
COMMENT ON COLUMN out_daily_prevalence.certain IS 'Subjects whose low is at least 1';
COMMENT ON COLUMN out_daily_prevalence.possible IS 'Subjects whose high is at least 1';
COMMENT ON COLUMN out_daily_prevalence.assessed IS 'Subjects with a usable assessment on that day';
COMMENT ON COLUMN out_daily_prevalence.denominator IS 'Subjects with a dated infusion';
COMMENT ON COLUMN out_daily_prevalence.mapping_release_id IS 'Mapping release used';
COMMENT ON COLUMN out_daily_prevalence.mapping_review_status IS 'Review status of that release';
