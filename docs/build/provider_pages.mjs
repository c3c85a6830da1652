// A page for each provider, from what the core knows of it.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cut } from "./cut.mjs";
import { providers } from "./contract.mjs";
import { repository } from "./project.mjs";
import { code, list, prose, table } from "./prose.mjs";

/** The examples whose region `handler` is shown with the name and a type of the provider. */
export const HANDLERS = [
  ["Python", "python", "examples/python/test_handler.py"],
  ["Node", "js", "examples/node/handler.test.js"],
  ["Bun", "js", "examples/bun/handler.test.js"],
  ["Go", "go", "examples/go/handler/handler_test.go"],
  ["Ruby", "ruby", "examples/ruby/handler_test.rb"],
  ["Elixir", "elixir", "examples/elixir/test/handler_test.exs"],
];

export function providerPages() {
  return providers.map((provider) => ({
    slug: `providers/${provider.name}`,
    mdx: true,
    generated: true,
    from: source(provider),
    matter: {
      title: provider.title,
      description: `How Knocker verifies and dedupes the webhooks of ${provider.title}: the secret, handlers, identity, retries, sizes, options, and what to do when they are refused.`,
      // The list of all has the filter; sixty more links would weigh on every page.
      sidebar: { hidden: true },
    },
    text: page(provider),
    blocks: [...HANDLERS.map(([, language, file]) => ({ kind: "from", file, language })), { kind: "command", code: send(provider), language: "sh" }],
  }));
}

/** The page's page in the core. */
function source({ name }) {
  const folder = "extension/core/src/providers";
  const file = [name, `${name}_com`].map((each) => `${folder}/${each.replaceAll("-", "_")}.rs`).find((each) => existsSync(join(repository, each)));
  return file ?? folder;
}

function page(provider) {
  const names = [provider.name, ...provider.aliases].map(code).join(", ");
  return [
    `[All providers](/providers/) · [the documentation of ${prose(provider.title)}](${provider.docs}) · provider ${names} · last checked on ${provider.checked}`,
    "## The secret",
    secret(provider),
    "## A handler",
    handler(provider),
    "## What is checked",
    table(
      ["fact", "value"],
      [
        ["scheme", provider.scheme],
        ["headers", provider.headers.map(code).join(", ") || "none: the proof is in the body"],
        ["methods", provider.methods.map(code).join(", ")],
        ...(provider.handshake ? [["handshake", provider.handshake]] : []),
      ],
    ),
    "A request with another method is answered 405 and not stored.",
    "## Identity",
    identity(provider),
    "## Retries, statuses and sizes",
    retries(provider),
    "## Options",
    options(provider),
    "## A test request",
    `This signs a body as ${prose(provider.title)} would and sends it to your application:`,
    ["```sh", send(provider), "```"].join("\n"),
    "In tests, each package signs such a request itself: see its page in the reference.",
    "## When a request is refused",
    `The reason stands with the delivery; \`knocker why delivery ID\` tells the same of one that is stored.`,
    refusals(provider),
  ]
    .filter(Boolean)
    .join("\n\n");
}

function own(provider, reason) {
  const mark = `${provider.title}: `;
  return provider.advice[reason].filter((text) => text.startsWith(mark)).map((text) => capital(text.slice(mark.length)));
}

function secret(provider) {
  const known = [...own(provider, "bad_signature"), ...own(provider, "no_secret"), ...own(provider, "missing_header")];
  if (!known.length) throw new Error(`${provider.name} does not say which secret it takes`);
  const lines = [list(known)];
  lines.push(
    provider.needs_secret
      ? "Knocker does not store it: the application gives it with each start, as in the example below. While secrets rotate, give the old and the new one; any of them counts."
      : "The endpoint begins without one: the first request brings it, is stored as a handshake, and is answered. Read it there, give it to the application, and start again.",
  );
  return lines.join("\n\n");
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

function shown(provider) {
  return provider.types[0] ?? "*";
}

function handler(provider) {
  const tabs = HANDLERS.map(([label, language, file]) => `<TabItem label="${label}">\n\n\`\`\`${language}\n${example(provider, label, file)}\n\`\`\`\n\n</TabItem>`);
  return `<Tabs syncKey="runtime">\n${tabs.join("\n")}\n</Tabs>\n\n${types(provider)}`;
}

export function variable(provider) {
  return `${provider.name.replaceAll("-", "_").toUpperCase()}_WEBHOOK_SECRET`;
}

/** The example of GitHub with the names of this provider. */
export function example(provider, label, file) {
  let text = cut({ file, region: "handler" }).replaceAll('"github"', `"${provider.name}"`).replaceAll("GITHUB_WEBHOOK_SECRET", variable(provider));
  const type = shown(provider);
  if (label === "Elixir") {
    text = text.replace("github: [", `${/^[a-z0-9_]+$/.test(provider.name) ? provider.name : `"${provider.name}"`}: [`);
    if (type === "*") return text.replace("%{type: \"push\"} = event", "event");
  }
  return text.replaceAll('"push"', `"${type}"`);
}

function types(provider) {
  if (!provider.types.length) {
    return provider.types_closed
      ? "Its events have no type: only `*` hears of them."
      : "The type is what the option `type_header` or `type_path` finds; `*` hears of every event, `prefix.*` of all types that begin with `prefix.`.";
  }
  const names = provider.types.map(code).join(", ");
  const rest = "`prefix.*` hears of all types that begin with `prefix.`, `*` of every event.";
  const about = provider.types_closed
    ? `These are all types that ${prose(provider.title)} documented when the page was checked; the packages warn of a handler for another one. ${rest}`
    : `Types are written as ${prose(provider.title)} writes them, such as these; its documentation has the rest. ${rest}`;
  return provider.types.length > 12
    ? `${about}\n\n<details>\n<summary>${provider.types.length} types</summary>\n\n${names}\n\n</details>`
    : `${about}\n\n${names}`;
}

const PROOF = {
  signed: "It stands in the signed bytes: a captured request that comes again is a duplicate.",
  "unsigned header": "It stands in a header that the signature does not cover: whoever captures a request can send it again under another id, as a new event, for as long as the signature counts.",
  "shared secret": "Nothing is signed: whoever has the secret can write any identity.",
  none: "Nothing vouches for it.",
};

function identity(provider) {
  const rows = [
    ["taken from", provider.identity],
    ["tells apart", provider.grain],
    ["vouched for by", provider.proof],
    ...(provider.note ? [["note", provider.note]] : []),
  ];
  return `${table(["fact", "value"], rows)}\n\n${PROOF[provider.proof] ?? ""} What these words mean: [identity and retries](/providers/tables/#identity-and-retries).`;
}

function retries(provider) {
  const limit = provider.max_body_bytes;
  const final = provider.final_statuses;
  return table(
    ["fact", "value"],
    [
      ["retries by itself", provider.retries],
      ...(provider.repeats ? [["a retry has", provider.repeats]] : []),
      ["a request that is refused gets", String(provider.refusal_status)],
      ["does not try again after", final === "all" ? "any status: what failed is sent again from its own log of deliveries" : final || "no status that is known"],
      ["largest body that it documents", provider.largest_body ? `${provider.largest_body} bytes` : "none"],
      ["`max_body_bytes` where it is not set", `${limit} bytes`],
    ],
  );
}

function options(provider) {
  if (!provider.options.length) return "It has none.";
  return table(
    ["option", "type", "default", "values"],
    provider.options.map((option) => [
      code(option.name),
      option.type + (option.unit ? ` (${option.unit})` : ""),
      option.default === null || option.default === undefined ? "" : code(JSON.stringify(option.default)),
      option.range ? `${option.range[0]} to ${option.range[1]}` : (option.words ?? []).map(code).join(", "),
    ]),
  );
}

function send(provider) {
  return `knocker send ${provider.name} http://127.0.0.1:3000/webhooks/${provider.name} payload.json --secret-env ${variable(provider)}`;
}

function refusals(provider) {
  return Object.entries(provider.advice)
    .filter(([, advice]) => advice.length)
    .map(([reason, advice]) => `### ${code(reason)}\n\n${list(advice)}`)
    .join("\n\n");
}
