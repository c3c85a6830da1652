export default {
  client: "better-sqlite3",
  useNullAsDefault: true,
  connection: { filename: "./app.db" },
  migrations: { directory: "./knex" },
};
