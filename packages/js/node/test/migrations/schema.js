import { integer, sqliteTable, sqliteView, text } from "drizzle-orm/sqlite-core";

export const orders = sqliteTable("orders", { id: integer("id").primaryKey(), note: text("note").notNull() });

export const attempts = sqliteView("knocker_attempts", {}).existing();
export const deliveries = sqliteView("knocker_deliveries", {}).existing();
export const endpoints = sqliteView("knocker_endpoints", {}).existing();
export const eventDeliveries = sqliteView("knocker_event_deliveries", {}).existing();
export const events = sqliteView("knocker_events", { id: integer("id"), status: text("status") }).existing();
export const jobs = sqliteView("knocker_jobs", {}).existing();
export const policies = sqliteView("knocker_policies", {}).existing();
export const prunes = sqliteView("knocker_prunes", {}).existing();
