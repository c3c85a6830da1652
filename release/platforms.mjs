// The machines that Knocker is built for. Whether a library is for the one that it is said to be for, release/check says.
import { readFileSync } from "node:fs";

/** Every platform, as platforms.json has them. */
export const platforms = JSON.parse(readFileSync(new URL("platforms.json", import.meta.url), "utf8"));

/** The platform of this name. */
export function platformOf(name) {
  const platform = platforms.find((known) => known.name === name);
  if (!platform) throw new Error(`no platform is named ${name}: ${platforms.map((known) => known.name).join(", ")}`);
  return platform;
}
