export default {
  dialect: "sqlite",
  schema: process.env.SCHEMA,
  out: "./out",
  dbCredentials: { url: "./app.db" },
  tablesFilter: ["!_knocker_*", "!_honker_*"],
};
