//! Deletes events with what belongs to them, and deliveries that no event needs.

use std::collections::{BTreeSet, HashSet};

use rusqlite::OptionalExtension;

use crate::conditions::Conditions;
use crate::error::Result;
use crate::prunable::Selection;
use crate::prune_record::Pruned;
use crate::store::Store;

/// Whether an event has no attempt but the one that it names, and no delivery but the one that created it and nothing else.
const PLAIN: &str = "
    EXISTS (SELECT 1 FROM main._knocker_deliveries d
            WHERE d.id = _knocker_events.delivery_id AND d.first_event_id = _knocker_events.id AND d.last_event_id = _knocker_events.id)
    AND NOT EXISTS (SELECT 1 FROM main._knocker_redeliveries r WHERE r.event_id = _knocker_events.id)
    AND NOT EXISTS (SELECT 1 FROM main._knocker_redeliveries r WHERE r.delivery_id = _knocker_events.delivery_id)
    AND NOT EXISTS (SELECT 1 FROM main._knocker_attempts a WHERE a.event_id = _knocker_events.id AND a.indexed = 1)";

impl Store {
    /// What goes with these events: their attempts, and the deliveries of which no other event needs one.
    pub(crate) fn foresee_events(&self, ids: &[i64]) -> Result<Pruned> {
        let going: HashSet<i64> = ids.iter().copied().collect();
        let mut pruned = Pruned { events: ids.len() as i64, ..Pruned::default() };
        let mut deliveries = BTreeSet::new();
        for &id in ids {
            let sql = "SELECT count(*) FROM main.knocker_attempts WHERE event_id = ?1";
            pruned.attempts += self.conn().prepare_cached(sql)?.query_row([id], |row| row.get::<_, i64>(0))?;
            deliveries.extend(self.deliveries_of_event(id)?);
        }
        for delivery_id in deliveries {
            // A link outlives its delivery.
            let there = self.conn().prepare_cached("SELECT 1 FROM main._knocker_deliveries WHERE id = ?1")?.exists([delivery_id])?;
            if there && self.events_of_delivery(delivery_id)?.iter().all(|event_id| going.contains(event_id)) {
                pruned.deliveries += 1;
            }
        }
        Ok(pruned)
    }

    /// Deletes those of the rows that meet the selection's conditions.
    pub(crate) fn delete(&self, selection: &Selection, ids: &mut dyn Iterator<Item = i64>) -> Result<Pruned> {
        let conditions = selection.conditions();
        Ok(match selection {
            Selection::Events(_) => self.delete_events(&conditions, ids)?,
            Selection::Deliveries(_) => Pruned { deliveries: self.delete_rows(selection, &conditions, ids)?, ..Pruned::default() },
            Selection::Audits(_) => Pruned { audits: self.delete_rows(selection, &conditions, ids)?, ..Pruned::default() },
        })
    }

    fn delete_rows(&self, selection: &Selection, conditions: &Conditions, ids: &mut dyn Iterator<Item = i64>) -> Result<i64> {
        let sql = format!("DELETE FROM main.{} WHERE {}", selection.table(), conditions.to_sql_of_one());
        let mut delete = self.conn().prepare_cached(&sql)?;
        let mut deleted = 0;
        for id in ids {
            deleted += self.run_kept(&mut delete, rusqlite::params_from_iter(conditions.values_of_one(id)))?;
        }
        Ok(deleted)
    }

    /// Most events are [plain](PLAIN): each of these costs four statements, which are looked up once for all.
    fn delete_events(&self, conditions: &Conditions, ids: &mut dyn Iterator<Item = i64>) -> Result<Pruned> {
        // What goes is counted before.
        self.count_attempts()?;
        let find =
            format!("SELECT delivery_id, attempt_id, job_id, {PLAIN} FROM main._knocker_events WHERE {}", conditions.to_sql_of_one());
        let mut find = self.conn().prepare_cached(&find)?;
        let mut delete_attempt = self.conn().prepare_cached("DELETE FROM main._knocker_attempts WHERE id = ?1 AND event_id = ?2")?;
        let mut delete_event = self.conn().prepare_cached("DELETE FROM main._knocker_events WHERE id = ?1")?;
        let mut delete_delivery = self.conn().prepare_cached("DELETE FROM main._knocker_deliveries WHERE id = ?1")?;
        let mut pruned = Pruned::default();
        for id in ids {
            let found = find.query_row(rusqlite::params_from_iter(conditions.values_of_one(id)), |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, Option<i64>>(2)?, row.get::<_, bool>(3)?))
            });
            let Some((delivery_id, attempt_id, job_id, plain)) = found.optional()? else { continue };
            if let Some(job_id) = job_id {
                self.forget_dead_job(job_id)?;
            }
            if !plain {
                pruned += self.delete_linked_event(id)?;
                continue;
            }
            if let Some(attempt_id) = attempt_id {
                pruned.attempts += self.run_kept(&mut delete_attempt, [attempt_id, id])?;
            }
            pruned.events += self.run_kept(&mut delete_event, [id])?;
            pruned.deliveries += self.run_kept(&mut delete_delivery, [delivery_id])?;
        }
        Ok(pruned)
    }

    /// Deletes an event that shares its deliveries with others, or has several of something.
    fn delete_linked_event(&self, event_id: i64) -> Result<Pruned> {
        let deliveries = self.deliveries_of_event(event_id)?;
        let delete = |sql: &str| -> Result<i64> { self.run(sql, [event_id]) };
        let attempts = delete("DELETE FROM main._knocker_attempts WHERE event_id = ?1 AND indexed = 1")?
            + delete(
                "DELETE FROM main._knocker_attempts
                 WHERE id = (SELECT attempt_id FROM main._knocker_events WHERE id = ?1) AND event_id = ?1",
            )?;
        delete("DELETE FROM main._knocker_redeliveries WHERE event_id = ?1")?;
        let events = delete("DELETE FROM main._knocker_events WHERE id = ?1")?;
        let mut pruned = Pruned { events, attempts, ..Pruned::default() };
        for delivery_id in deliveries {
            if !self.delivery_is_linked(delivery_id)? {
                pruned.deliveries += self.run("DELETE FROM main._knocker_deliveries WHERE id = ?1", [delivery_id])?;
            }
        }
        Ok(pruned)
    }

    fn deliveries_of_event(&self, event_id: i64) -> Result<Vec<i64>> {
        let sql = "SELECT delivery_id FROM main._knocker_events WHERE id = ?1
                   UNION SELECT delivery_id FROM main._knocker_redeliveries WHERE event_id = ?1";
        let mut statement = self.conn().prepare_cached(sql)?;
        let ids = statement.query_map([event_id], |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    fn delivery_is_linked(&self, delivery_id: i64) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM main.knocker_event_deliveries WHERE delivery_id = ?1)";
        Ok(self.conn().prepare_cached(sql)?.query_row([delivery_id], |row| row.get(0))?)
    }
}
