// Diagrams, drawn from the text of Mermaid at build. Colours are variables of the page's theme, so one drawing serves light and dark.
import { renderMermaidSVG } from "beautiful-mermaid";

const COLOURS = {
  bg: "var(--diagram-bg)",
  fg: "var(--diagram-fg)",
  line: "var(--diagram-line)",
  accent: "var(--diagram-accent)",
  muted: "var(--diagram-muted)",
  surface: "var(--diagram-surface)",
  border: "var(--diagram-border)",
  transparent: true,
  font: "inherit",
};

let drawn = 0;

/** An SVG in one line. Its first line says what it shows to those who cannot see it: `%% alt: …`. */
export function draw(text) {
  const alt = /^\s*%%\s*alt:\s*(.+)$/m.exec(text)?.[1].trim();
  if (!alt) throw new Error("a diagram says what it shows in a line of its own: %% alt: …");
  const source = text.replace(/^\s*%%.*\n/gm, "");
  const id = `diagram-${++drawn}`;
  const label = alt.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
  return renderMermaidSVG(source, COLOURS)
    .replace(/@import url\([^)]*\);?/g, "")
    .replaceAll("'inherit', system-ui, sans-serif", "var(--sl-font)")
    .replace(/<svg /, `<svg role="img" aria-label="${label}" `)
    // Several drawings stand on one page: their markers need names of their own.
    .replace(/\bid="([\w-]+)"/g, `id="${id}-$1"`)
    .replace(/url\(#([\w-]+)\)/g, `url(#${id}-$1)`)
    .replace(/\n\s*/g, " ");
}
