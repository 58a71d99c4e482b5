CREATE VIEW out_unmapped_terms AS
SELECT study_id, term_key, body_system, events, subjects, max_source_grade
FROM core_unmapped_terms
JOIN core_runs AS run USING (run_id, study_id)
WHERE run.is_current
ORDER BY events DESC, subjects DESC, study_id, term_key, body_system;

COMMENT ON VIEW out_unmapped_terms IS
  'Work list of the current run: terms in scope that nobody has decided, the most frequent first.';
COMMENT ON COLUMN out_unmapped_terms.study_id IS 'Study identifier';
COMMENT ON COLUMN out_unmapped_terms.term_key IS 'Normalised term; empty where the row has none';
COMMENT ON COLUMN out_unmapped_terms.body_system IS 'Class as written; empty where none is given';
COMMENT ON COLUMN out_unmapped_terms.events IS 'Event rows';
COMMENT ON COLUMN out_unmapped_terms.subjects IS 'Subjects';
COMMENT ON COLUMN out_unmapped_terms.max_source_grade IS 'Highest source grade. Null: no row has a grade';
