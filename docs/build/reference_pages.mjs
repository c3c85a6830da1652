// Pages of the reference that are made from the contract and from what the command prints.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { contract } from "./contract.mjs";
import { cell, code, plainText, prose, table } from "./prose.mjs";
import { docs } from "./project.mjs";

const CONTRACT = "extension/contract/contract.json";

export function referencePages() {
  return [commands(), api(), settings(), views(), words()];
}

function reference(slug, order, title, description, text, more = {}) {
  return { slug: `reference/${slug}`, mdx: true, generated: true, from: CONTRACT, matter: { title, description, sidebar: { order } }, text, ...more };
}

function commands() {
  const folder = join(docs, "captures/help");
  const names = readdirSync(folder).map((name) => name.replace(/\.txt$/, "")).sort();
  const parts = names.map((name) => `## ${name.replaceAll("-", " ")}\n\n${plainText(readFileSync(join(folder, `${name}.txt`), "utf8").trimEnd())}`);
  const text = `What \`knocker help\` prints, command by command. What they are for, with examples: [the knocker command](/reference/cli/).\n\n${parts.join("\n\n")}`;
  const blocks = names.map((name) => ({ kind: "output of", file: `docs/captures/help/${name}.txt`, language: "text" }));
  return reference("command-help", 31, "Commands and options", "The help of every command of knocker, with its arguments and options.", text, { blocks, from: "packages/cli/src" });
}

const isRecord = new Map(contract.records.map((record) => [record.name, "/reference/records/"]));
for (const list of contract.lists) isRecord.set(list.name, "/reference/records/");
for (const argument of contract.arguments) isRecord.set(argument.name, "/reference/settings/");

/** A type, as a link where there is a section about it. */
function typed(type, nullable) {
  const place = isRecord.get(type.replace(/\[\]$/, ""));
  const name = place ? `[${type}](${place}#${type.replace(/\[\]$/, "").toLowerCase()})` : type;
  return nullable ? `${name} or null` : name;
}

function raw(head, rows) {
  // Cells hold links, which are no text of the contract.
  const line = (cells) => `| ${cells.map((text) => String(text).replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), `|${" --- |".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

/** SQL function → what each package calls it, from the page that is generated beside this one. */
const SPELLED = new Map(
  readFileSync(join(docs, "vocabulary.md"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| call |"))
    .map((line) => line.split("|").map((text) => text.trim()))
    .map(([, , sql, , python, javascript, go, ruby, elixir]) => [sql.replaceAll("`", ""), { Python: python, JavaScript: javascript, Go: go, Ruby: ruby, Elixir: elixir }]),
);

function api() {
  const parts = [];
  for (const concept of contract.concepts) {
    const methods = contract.functions.filter((each) => each.method?.of === concept.name);
    if (!methods.length) continue;
    parts.push(`## ${concept.name}\n\n${prose(concept.about)}`);
    for (const each of methods) parts.push(call(each, `${concept.name}: ${each.method.name.replaceAll("_", " ")}`));
  }
  const rest = contract.functions.filter((each) => !each.method);
  if (rest.length) parts.push("## In SQL alone", ...rest.map((each) => call(each, each.name)));
  const text = `Every call of the SQL functions and the packages, once. Names are spelled as each language spells them: \`requeue_where\` in SQL, Python, Ruby and Elixir, \`requeueWhere\` in JavaScript, \`RequeueWhere\` in Go; [the vocabulary](/reference/vocabulary/) has them side by side, and each package's page tells what is its own.\n\n${parts.join("\n\n")}`;
  return reference("api", 100, "Calls of all packages", "Every call with its arguments and its result, for SQL and the packages of all languages.", text);
}

function call(each, title) {
  const names = Object.entries(SPELLED.get(each.name) ?? {})
    .filter(([, name]) => name)
    .map(([language, name]) => `${language} ${name}`)
    .join(", ");
  const signature = `${each.name}(${each.arguments.map((argument) => (argument.optional ? `[${argument.name}]` : argument.name)).join(", ")})`;
  const rows = each.arguments.map((argument) => [code(argument.name), typed(argument.type) + (argument.optional ? ", optional" : ""), cell(argument.about)]);
  return [
    `### ${title}`,
    prose(each.about),
    `SQL ${code(signature)}${names ? ` · ${names}` : ""}`,
    rows.length ? raw(["argument", "type", "meaning"], rows) : "",
    each.result ? `Gives: ${typed(each.result.type, each.result.nullable)}.` : "",
  ]
    .filter(Boolean)
    .join("\n\n");
}

function settings() {
  const parts = contract.arguments.map((argument) => {
    const rows = argument.keys.map((key) => [
      code(key.name),
      typed(key.type) + (key.unit ? ` (${key.unit})` : ""),
      key.default === undefined ? "" : code(JSON.stringify(key.default)),
      key.range ? `${key.range[0]} to ${key.range[1]}` : (key.words ?? []).map(code).join(", "),
      cell(key.about),
    ]);
    return `## ${argument.name}\n\n${prose(argument.about)}\n\n${raw(["key", "type", "default", "values", "meaning"], rows)}`;
  });
  const text = `What stands in the JSON of a call, and what the packages take as arguments of the same names: the settings of an endpoint, filters, retention.\n\n${parts.join("\n\n")}`;
  return reference("settings", 45, "Settings and filters", "Every key of the settings and filters, with its type, default, range and meaning.", text);
}

function views() {
  const records = new Map(contract.records.map((record) => [record.name, record]));
  const parts = contract.views.map((view) => {
    const fields = new Map((records.get(view.record)?.fields ?? []).map((field) => [field.name, field.about]));
    const rows = view.columns.map((column) => [code(column.name), column.type, column.nullable ? "yes" : "", cell(fields.get(column.name) ?? "")]);
    return `## ${view.name}\n\n${prose(records.get(view.record)?.about ?? "")}\n\n${raw(["column", "type", "may be null", "meaning"], rows)}`;
  });
  const text = `Views and table-valued functions are the stable way to read a file in SQL. What they promise, with examples: [the SQL contract](/reference/sql/).\n\n${parts.join("\n\n")}`;
  return reference("views", 15, "Views", "Every view and its columns.", text);
}

function words() {
  const records = contract.records.map((record) => {
    const rows = record.fields.map((field) => [code(field.name), typed(field.type, field.nullable), cell(field.about)]);
    return `## ${record.name}\n\n${prose(record.about)}\n\n${raw(["field", "type", "meaning"], rows)}`;
  });
  const lists = contract.lists.map((list) => `## ${list.name}\n\n${prose(list.about)}\n\n${table(["word", "meaning"], list.words.map((word) => [code(word.name), word.about]))}`);
  const text = `What calls give, and the words that stand in it. Times are integers in SQL and each language's own type in the packages.\n\n${[...records, ...lists].join("\n\n")}`;
  return reference("records", 105, "Records and words", "The fields of every record and the words of every list.", text);
}
