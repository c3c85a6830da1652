// Text of the contract as Markdown of a page with components.

/** Outside of code, what would be an expression or an element is text. */
export function prose(text) {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith("`") ? part : part.replace(/[{}<>]/g, (sign) => `&#${sign.charCodeAt(0)};`)))
    .join("");
}

export function cell(text) {
  return prose(String(text)).replaceAll("|", "\\|").replaceAll("\n", " ");
}

export function table(head, rows) {
  if (!rows.length) return "";
  const line = (cells) => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), `|${" --- |".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

export const code = (text) => `\`${text}\``;

export const list = (items) => items.map((item) => `- ${prose(item)}`).join("\n");
