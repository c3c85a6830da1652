// The built site on a port of this machine, as any static server would have it.
import { createServer } from "node:http";
import { existsSync, readFileSync, statSync } from "node:fs";
import { extname, join, normalize } from "node:path";
import { base, published } from "../build/project.mjs";

const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".json": "application/json", ".png": "image/png", ".md": "text/markdown", ".txt": "text/plain", ".xml": "application/xml" };

export async function serve() {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    let file = path.startsWith(base) ? join(published, normalize(`/${path.slice(base.length)}`)) : "";
    if (file && existsSync(file) && statSync(file).isDirectory()) file = join(file, "index.html");
    const found = file && existsSync(file);
    response.writeHead(found ? 200 : 404, { "content-type": found ? (TYPES[extname(file)] ?? "application/octet-stream") : "text/html" });
    response.end(readFileSync(found ? file : join(published, "404.html")));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
