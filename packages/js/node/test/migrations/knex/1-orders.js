export const up = (knex) => knex.schema.createTable("orders", (table) => void table.increments());
export const down = (knex) => knex.schema.dropTable("orders");
