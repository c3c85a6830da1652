import { open } from "@knocker/node";

let opened;

/** Opened by the first request: `next build` imports every route, and must open nothing. */
export function hooks() {
  if (!opened) {
    opened = open("app.db");
    opened.endpoint("github", { provider: "github", secrets: [process.env.GITHUB_WEBHOOK_SECRET] });
  }
  return opened;
}
