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

/** A block without the element for each line that makes blocks with colours three times as heavy. */
export function plainText(text) {
  // A method of brackets is no link.
  const html = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("](", "]&#40;");
  return `<Fragment set:html={${JSON.stringify(`<pre tabindex="0">${html}</pre>`)}} />`;
}
