CREATE VIEW out_subject_courses AS
SELECT
  course.study_id,
  course.subject_id,
  course.infusion_number,
  course.estimate,
  course.onset_day,
  course.onset_study_day,
  course.is_late_onset,
  course.crs_relation,
  course.peak_grade,
  course.peak_day,
  course.first_day_grade_3,
  course.last_day,
  course.duration_days,
  course.resolution_day,
  course.is_unresolved,
  course.episodes,
  course.recurrences,
  course.days_grade_1,
  course.days_grade_2,
  course.days_grade_3,
  course.days_grade_4,
  course.days_grade_5,
  course.days_without_point,
  course.has_imputed_date,
  subject.arm,
  study.mapping_release_id,
  study.mapping_review_status
FROM core_subject_courses AS course
JOIN core_subjects AS subject USING (run_id, study_id, subject_id)
JOIN core_studies AS study USING (run_id, study_id)
JOIN core_runs AS run USING (run_id, study_id)
WHERE run.is_current
ORDER BY course.study_id, course.subject_id, course.infusion_number, course.estimate;

COMMENT ON VIEW out_subject_courses IS
  'Current run: the course of each subject after each dated infusion, by the low, point and high of its days. Days count the infusion as day 0, study days as day 1 (CDISC).';
COMMENT ON COLUMN out_subject_courses.study_id IS 'Study identifier';
COMMENT ON COLUMN out_subject_courses.subject_id IS 'Subject identifier';
COMMENT ON COLUMN out_subject_courses.infusion_number IS 'Infusion that is day 0';
COMMENT ON COLUMN out_subject_courses.estimate IS 'low: days that certainly reach a grade; point: days with a defensible grade; high: days that possibly do';
COMMENT ON COLUMN out_subject_courses.onset_day IS 'First day at grade >= 1. Null: no such day';
COMMENT ON COLUMN out_subject_courses.onset_study_day IS 'The same, CDISC count. Null: no such day';
COMMENT ON COLUMN out_subject_courses.is_late_onset IS 'Onset after the day the manifest names (28). Null: no onset';
COMMENT ON COLUMN out_subject_courses.crs_relation IS 'Onset before, during or after reported CRS, or none reported. Null: no onset';
COMMENT ON COLUMN out_subject_courses.peak_grade IS 'Highest grade of a day';
COMMENT ON COLUMN out_subject_courses.peak_day IS 'First day of the highest grade. Null: no day at grade >= 1';
COMMENT ON COLUMN out_subject_courses.first_day_grade_3 IS 'First day at grade >= 3. Null: no such day';
COMMENT ON COLUMN out_subject_courses.last_day IS 'Last day at grade >= 1. Null: no such day';
COMMENT ON COLUMN out_subject_courses.duration_days IS 'Days from the first to the last day, both counted. Null: no such day';
COMMENT ON COLUMN out_subject_courses.resolution_day IS 'First day after the last one. Null: no such day, or unresolved';
COMMENT ON COLUMN out_subject_courses.is_unresolved IS 'The last day is the end of what was observed. Null: no onset';
COMMENT ON COLUMN out_subject_courses.episodes IS 'Episodes, gaps merged as in core_episodes';
COMMENT ON COLUMN out_subject_courses.recurrences IS 'Episodes after the first';
COMMENT ON COLUMN out_subject_courses.days_grade_1 IS 'Days at grade 1';
COMMENT ON COLUMN out_subject_courses.days_grade_2 IS 'Days at grade 2';
COMMENT ON COLUMN out_subject_courses.days_grade_3 IS 'Days at grade 3';
COMMENT ON COLUMN out_subject_courses.days_grade_4 IS 'Days at grade 4';
COMMENT ON COLUMN out_subject_courses.days_grade_5 IS 'Days at grade 5';
COMMENT ON COLUMN out_subject_courses.days_without_point IS 'Days on which no single grade is defensible';
COMMENT ON COLUMN out_subject_courses.has_imputed_date IS 'An event that can be ICANS has a partial start or end';
COMMENT ON COLUMN out_subject_courses.arm IS 'Planned or actual arm. Null: not recorded';
COMMENT ON COLUMN out_subject_courses.mapping_release_id IS 'Mapping release used';
COMMENT ON COLUMN out_subject_courses.mapping_review_status IS 'Review status of that release';
