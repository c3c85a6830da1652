// Where things are, and which file is which page.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const repository = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
export const docs = join(repository, "docs");
/** What authors write. */
export const written = join(docs, "src/content/docs");
/** What Astro reads. */
export const prepared = join(docs, ".pages");
/** What is published. */
export const published = join(docs, "dist");

export const forge = "https://github.com/knocker/knocker";
export const site = process.env.DOCS_SITE || "https://knocker.github.io";
/** The folder on the server, with slashes around it. */
export const base = `/${(process.env.DOCS_BASE || "").replace(/^\/|\/$/g, "")}/`.replace("//", "/");

/** Pages that stand elsewhere in the repository: the file, the page's place, what is said of it. */
export const elsewhere = {
  "docs/architecture.md": { slug: "concepts/architecture", description: "What is stored, what happens at a receive and in a job, and when a process dies.", order: 80 },
  "docs/lifecycle.md": { slug: "concepts/lifecycle", description: "The statuses of an event, what moves it between them, and who.", order: 70 },
  "docs/shared-commits.md": { slug: "concepts/shared-commits", description: "Which events of a backlog share a commit, and what that means for handlers.", order: 75 },
  "docs/providers.md": { slug: "providers/tables", title: "Providers, in tables", description: "What is checked for each provider, its types, identities, retries, sizes and statuses.", order: 1 },
  "docs/migrations.md": { slug: "guides/migrations", description: "Alembic, Django, Drizzle, Kysely, knex, Prisma and Ecto beside Knocker's tables.", order: 70 },
  "docs/backup.md": { slug: "guides/backup", description: "Copies of a file in use, and what holds after a restore; Litestream.", order: 80 },
  "docs/doctor.md": { slug: "runbook/doctor", description: "Every finding of knocker doctor, and what to do.", order: 80 },
  "docs/publish.md": { slug: "guides/publish", description: "knocker publish: to a stream of NATS JetStream, or to an HTTP endpoint, acknowledged and once each.", order: 82 },
  "docs/beyond-one-machine.md": { slug: "concepts/beyond-one-machine", description: "A standby, many files, and a hand-over to a cluster: what each promises when what dies, and the engines that were tried.", order: 90 },
  "docs/rescue.md": { slug: "runbook/rescue", description: "Events, bodies and history in plain SQL, without the extension.", order: 90 },
  "docs/sql.md": { slug: "reference/sql", description: "What each SQL function takes, does, returns and refuses; the views and their columns.", order: 10 },
  "docs/http.md": { slug: "reference/http", description: "What an endpoint answers over HTTP, and why.", order: 20 },
  "docs/errors.md": { slug: "reference/errors", description: "Every code, what it means and what to do.", order: 40 },
  "docs/tracing.md": { slug: "reference/tracing", description: "One trace from the provider's call to the handler, and what every log record says.", order: 55 },
  "docs/metrics.md": { slug: "reference/metrics", description: "What a monitoring system reads, what it counts and what it costs.", order: 50 },
  "docs/vocabulary.md": { slug: "reference/vocabulary", description: "One concept, one name: in SQL, Rust, Python, JavaScript, Go, Ruby and Elixir.", order: 60 },
  "packages/cli/README.md": { slug: "reference/cli", title: "The knocker command", description: "Sets up, inspects and operates a file.", order: 30 },
  "packages/python/README.md": { slug: "reference/python", title: "Python", description: "The package knocker-sqlite for Python.", order: 110 },
  "packages/js/node/README.md": { slug: "reference/node", title: "Node", description: "The package @knocker/node.", order: 120 },
  "packages/js/bun/README.md": { slug: "reference/bun", title: "Bun", description: "The package @knocker/bun.", order: 130 },
  "packages/go/README.md": { slug: "reference/go", title: "Go", description: "The Go module.", order: 140 },
  "packages/ruby/README.md": { slug: "reference/ruby", title: "Ruby", description: "The gem knocker-sqlite.", order: 150 },
  "packages/elixir/README.md": { slug: "reference/elixir", title: "Elixir", description: "The hex package knocker.", order: 160 },
};

for (const file of Object.keys(elsewhere)) {
  if (!existsSync(join(repository, file))) throw new Error(`docs/build/project.mjs names ${file}, which does not exist`);
}
