-- Version 4: a verdict writes three pages less. No row is written anew: what is there stands where it stood.

-- An event names one of its attempts, mostly the only one, and the index on attempts has the others alone. Those of former versions are all in it.
ALTER TABLE _knocker_events ADD COLUMN attempt_id INTEGER;
ALTER TABLE _knocker_attempts ADD COLUMN indexed INTEGER NOT NULL DEFAULT 1;
DROP INDEX IF EXISTS _knocker_attempts_event;

-- Attempts are counted when the next jobs are claimed, in a page that a claim writes anyway: `n` is the id of the last one that is. No id up to it is
-- given again, so that the table's own sequence need not be written for each attempt.
INSERT INTO _knocker_counts (endpoint_id, status, n)
SELECT 0, 'attempts:counted', max(coalesce((SELECT max(id) FROM _knocker_attempts), 0),
                                  coalesce((SELECT seq FROM main.sqlite_sequence WHERE name = '_knocker_attempts'), 0));
