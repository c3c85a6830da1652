// Prints the public names of the packages for Node and Bun as Markdown: what TypeDoc finds in the sources.
import { join } from "node:path";
import { Application, ReflectionKind } from "typedoc";

const [, , packages] = process.argv;
const MODULES = [
  ["@knocker/node", "node/src/index.ts"],
  ["@knocker/node/testing", "node/src/testing.ts"],
  ["@knocker/bun", "bun/src/index.ts"],
];

const app = await Application.bootstrap({
  entryPoints: MODULES.map(([, file]) => join(packages, file)),
  tsconfig: new URL("tsconfig.json", import.meta.url).pathname,
  // The drivers' own types are not here.
  skipErrorChecking: true,
  excludePrivate: true,
  excludeInternal: true,
  excludeExternals: true,
  logLevel: "Error",
  readme: "none",
  sort: ["source-order"],
});
const project = await app.convert();
if (!project) process.exit(1);

const names = new Set((project.children ?? []).flatMap((module) => (module.children ?? []).map((each) => each.name)));
const words = (parts) => (parts ?? []).map((part) => (part.kind === "inline-tag" ? `\`${part.text.trim().split(/\s/)[0]}\`` : part.text)).join("");
const block = (code) => `\`\`\`ts\n${code}\n\`\`\``;
const line = (text) => text.replace(/\s+/g, " ").trim();
const said = (reflection) => words(reflection?.comment?.summary).trim();
const isPublic = (each) => !each.flags.isPrivate && !each.flags.isProtected && !each.name.startsWith("_") && !each.name.startsWith("[");

/** The text of a type, with one name for what TypeDoc cannot find. */
const typed = (type) => (type ? type.toString() : "unknown");

function parameter(each) {
  const type = each.type?.declaration?.signatures ? called(each.type.declaration.signatures[0], " => ") : typed(each.type);
  return `${each.flags.isRest ? "..." : ""}${each.name}${each.flags.isOptional || each.defaultValue ? "?" : ""}: ${type}`;
}

function called(signature, arrow = ": ") {
  const generics = signature.typeParameters?.length ? `<${signature.typeParameters.map((each) => each.name + (each.type ? ` extends ${typed(each.type)}` : "")).join(", ")}>` : "";
  const parameters = (signature.parameters ?? []).map(parameter);
  const one = `${generics}(${parameters.join(", ")})`;
  return `${one.length < 100 ? one : `${generics}(\n  ${parameters.join(",\n  ")},\n)`}${arrow}${typed(signature.type)}`;
}

/** What is said of a call: its words, its arguments, what it gives and throws. */
function about(signature) {
  const lines = (signature.parameters ?? []).filter((each) => said(each)).map((each) => `- \`${each.name}\` ${line(said(each))}`);
  for (const tag of signature.comment?.blockTags ?? []) {
    if (["@returns", "@throws"].includes(tag.tag)) lines.push(`- ${tag.tag.slice(1)} ${line(words(tag.content))}`);
  }
  return [said(signature), lines.join("\n")];
}

function calls(reflection, title, prefix) {
  const signatures = reflection.signatures;
  return [title, block(signatures.map((each) => `${prefix}${called(each)}`).join("\n")), ...about(signatures.find((each) => said(each)) ?? signatures[0])];
}

function property(each) {
  const type = each.getSignature?.type ?? each.type ?? each.signatures?.[0];
  const comment = line(said(each) || said(each.getSignature) || said(each.signatures?.[0]));
  const shown = each.signatures ? called(each.signatures[0]) : `${each.flags.isOptional ? "?" : ""}: ${typed(type)}`;
  return `  ${each.flags.isReadonly || each.getSignature ? "readonly " : ""}${each.name}${shown};${comment ? ` // ${comment}` : ""}`;
}

/** Also what a class has from one without a section of its own. */
const isShown = (each) => !each.inheritedFrom || !(names.has(each.inheritedFrom.name.split(".")[0]) || /^Error\b/.test(each.inheritedFrom.name));

function members(reflection, keyword) {
  const children = (reflection.children ?? []).filter(isPublic).filter((each) => keyword === "interface" || isShown(each));
  const isCall = (each) => each.kindOf([ReflectionKind.Method]) && keyword === "class";
  const properties = children.filter((each) => !isCall(each) && !each.kindOf(ReflectionKind.Constructor));
  const above = (reflection.extendedTypes ?? []).map(typed).join(", ");
  const head = `${keyword} ${reflection.name}${above ? ` extends ${above}` : ""}`;
  const made = children.find((each) => each.kindOf(ReflectionKind.Constructor) && each.signatures?.some((one) => said(one) && !/^Use `/.test(said(one))));
  return [
    block(properties.length ? `${head} {\n${properties.map(property).join("\n")}\n}` : head),
    said(reflection),
    ...(made ? calls(made, `### new ${reflection.name}`, `new ${reflection.name}`) : []),
    ...children.filter(isCall).flatMap((each) => calls(each, `### ${reflection.name}.${each.name}`, each.name)),
  ];
}

function entry(each) {
  if (each.kindOf(ReflectionKind.Function)) return calls(each, `## ${each.name}`, `function ${each.name}`);
  if (each.kindOf(ReflectionKind.Class)) return [`## ${each.name}`, ...members(each, "class")];
  const title = `### ${each.name}`;
  if (each.kindOf(ReflectionKind.Interface)) return [title, ...members(each, "interface")];
  if (each.kindOf(ReflectionKind.TypeAlias)) {
    const fields = each.type?.declaration?.children;
    const shown = fields ? `{\n${fields.map(property).join("\n")}\n}` : each.type?.declaration?.signatures ? called(each.type.declaration.signatures[0], " => ") : typed(each.type);
    return [title, block(`type ${each.name} = ${shown}`), said(each)];
  }
  if (each.kindOf(ReflectionKind.Variable)) return [title, block(`const ${each.name}: ${typed(each.type)}`), said(each)];
  return [];
}

/** Calls and classes first, then types. */
const order = (each) => (each.kindOf(ReflectionKind.Function) ? 0 : each.kindOf(ReflectionKind.Class) ? 1 : 2);

/** There are a hundred: they stand below a heading of their own, so that the list beside the page stays short. */
const isType = (each) => order(each) === 2;

/** Errors differ in their names and what they say alone. */
const isError = (each) => each.kindOf(ReflectionKind.Class) && /Error$/.test(each.name) && each.name !== "KnockerError";

function table(errors) {
  const rows = errors.map((each) => `| \`${each.name}\` | \`${(each.extendedTypes ?? []).map(typed).join(", ")}\` | ${line(said(each)).replaceAll("|", "\\|")} |`);
  return ["| error | is a | meaning |", "|---|---|---|", ...rows.sort()].join("\n");
}

/** What makes a record of a row is of no use to who has the record, and the lists of words are in the types of their names. */
const isMade = (each) => (each.kindOf(ReflectionKind.Function) && /^read[A-Z]/.test(each.name)) || /^[A-Z_]+$/.test(each.name);

const parts = [];
const modules = project.children ?? [];
for (const [name, file] of MODULES) {
  const module = modules.find((each) => each.sources?.some((source) => source.fullFileName.endsWith(file)));
  if (!module) throw new Error(`TypeDoc did not find ${file}`);
  // What a second module passes on has its section in the first.
  const own = (module.children ?? []).filter((each) => !each.kindOf(ReflectionKind.Reference) && isPublic(each) && !isMade(each));
  parts.push(`## ${name}`, said(module));
  const errors = own.filter(isError);
  const shown = own.filter((each) => !isError(each)).sort((a, b) => order(a) - order(b) || a.name.localeCompare(b.name, "en"));
  for (const each of shown.filter((each) => !isType(each))) parts.push(...entry(each));
  if (shown.some(isType)) parts.push("## Types", ...shown.filter(isType).flatMap(entry));
  if (errors.length) parts.push("## Errors", table(errors));
}
console.log(parts.filter(Boolean).join("\n\n"));
