SELECT study_id, term_key, body_system, events, subjects, max_source_grade
FROM out_unmapped_terms
WHERE study_id IN $studies
ORDER BY events DESC, subjects DESC, study_id, term_key, body_system
LIMIT 5000
