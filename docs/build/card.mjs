// The picture that is shown where somebody shares a link.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { docs } from "./project.mjs";

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="630">
  <rect width="1200" height="630" fill="#0b1220"/>
  <rect x="90" y="150" width="150" height="170" rx="28" fill="#93b4ff"/>
  <circle cx="165" cy="248" r="36" fill="none" stroke="#0b1220" stroke-width="16"/>
  <path d="M165 185v28" stroke="#0b1220" stroke-width="16"/>
  <g font-family="DejaVu Sans, Arial, sans-serif" fill="#ffffff">
    <text x="290" y="275" font-size="110" font-weight="bold">Knocker</text>
    <text x="90" y="440" font-size="46">Webhooks, received durably</text>
    <text x="90" y="505" font-size="46">in an app that runs on SQLite</text>
  </g>
</svg>`;

export async function card() {
  writeFileSync(join(docs, "public/card.png"), await sharp(Buffer.from(SVG)).png({ palette: true }).toBuffer());
}

if (process.argv[1] === import.meta.filename) await card();
