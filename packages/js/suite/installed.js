import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { post } from "./serving.js";
import { folder, rows, until } from "./workplace.js";

const packages = fileURLToPath(new URL("../../", import.meta.url));
const examples = fileURLToPath(new URL("../../../examples/", import.meta.url));
const run = promisify(execFile);
const SECRETS = { STRIPE_WEBHOOK_SECRET: "whsec_test", GITHUB_WEBHOOK_SECRET: "test-secret" };

const CHECKOUT = JSON.parse(readFileSync(join(examples, "payloads/stripe-checkout-session-completed.json"), "utf8"));

/** Packs the package and this platform's library; returns the tarballs. */
function pack(name) {
  const out = folder();
  const packer = join(packages, "js/pack.mjs");
  const platform = `${process.platform}-${process.arch}${process.platform === "linux" ? "-gnu" : ""}`;
  execFileSync(process.execPath, [packer, "platform", platform, process.env.KNOCKER_EXTENSION, out]);
  execFileSync(process.execPath, [packer, "package", name, out]);
  return readdirSync(out).map((file) => join(out, file));
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/**
 * The examples, run from an empty project that npm filled with the packed tarballs, over real HTTP.
 * @param install what else the project needs: `npm install` arguments, and folders of `node_modules` to copy because they were compiled.
 */
export default function installed(runtime, { name, label, program, install = [], copy = [], quickStarts, servers, scripts, tests }) {
  const { describe, it, testing, openRaw } = runtime;

  describe(`installed from the tarballs: ${label}`, () => {
    const project = folder();
    // Nothing of the checkout: no variable that names the library, no path that leads back.
    const environment = { PATH: process.env.PATH, HOME: process.env.HOME, ...SECRETS };

    function start(file, port, ...rest) {
      const child = spawn(program, [join(project, file), ...rest], {
        cwd: project,
        env: { ...environment, PORT: String(port) },
        stdio: ["ignore", "inherit", "inherit"],
      });
      const exited = once(child, "exit");
      const stop = async () => {
        child.kill("SIGTERM");
        await exited;
      };
      return { stop };
    }

    async function answered(port, signed, path) {
      return until(async () => {
        try {
          return await post(port, signed, { path });
        } catch (error) {
          if (error.code !== "ECONNREFUSED") throw error;
          return undefined;
        }
      }, "the server");
    }

    async function sendCheckout(port) {
      const payload = readFileSync(join(examples, "payloads/stripe-checkout-session-completed.json"));
      const path = "/webhooks/stripe";
      const signed = testing.sign("stripe", payload, SECRETS.STRIPE_WEBHOOK_SECRET);
      assert.equal((await answered(port, signed, path)).status, 200);
      assert.equal((await post(port, signed, { path })).status, 200);
      assert.equal((await post(port, { ...signed, body: "{}" }, { path })).status, 401);
    }

    async function orders(file, table = "orders", count = 1) {
      const database = openRaw(join(project, file));
      try {
        return await until(() => {
          const exists = rows(database, "SELECT 1 FROM sqlite_schema WHERE name = ?", table).length === 1;
          const found = exists ? rows(database, `SELECT * FROM ${table}`) : [];
          return found.length >= count && found;
        }, `rows in ${table}`);
      } finally {
        database.close();
      }
    }

    it("finds its library in the platform package", async () => {
      writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }');
      const args = ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...pack(name), ...install];
      // What the tests use is in npm's cache already; only a machine that has lost it asks the registry.
      await run("npm", [...args, "--offline"], { cwd: project }).catch(() => run("npm", [...args, "--prefer-offline"], { cwd: project }));
      for (const module of copy)
        cpSync(join(packages, name, "node_modules", module), join(project, "node_modules", module), { recursive: true });
      for (const file of readdirSync(join(examples, name))) {
        if (file.endsWith(".js")) cpSync(join(examples, name, file), join(project, file));
      }
      const print = `import { loadablePath } from "@knocker/${name}"; console.log(loadablePath());`;
      writeFileSync(join(project, "print.js"), print);
      const { stdout } = await run(program, ["print.js"], { cwd: project, env: environment });
      assert.match(stdout, /node_modules\/@knocker\/lib-linux-x64-gnu\/libknocker\.so\n$/);
      assert.ok(stdout.startsWith(project), stdout);
    });

    it("is required by CommonJS as well", async () => {
      writeFileSync(
        join(project, "print.cjs"),
        `console.log(typeof require("@knocker/${name}").open, typeof require("@knocker/${name}/testing").drain);`,
      );
      const { stdout } = await run(program, ["print.cjs"], { cwd: project, env: environment });
      assert.equal(stdout, "function function\n");
    });

    for (const file of quickStarts) {
      it(`runs ${file}`, async () => {
        const port = await freePort();
        const server = start(file, port);
        await sendCheckout(port);
        assert.deepEqual(
          (await orders("app.db")).map(({ id }) => id),
          [CHECKOUT.data.object.id],
        );
        await server.stop();
      });
    }

    for (const [index, [file, worker]] of servers.entries()) {
      it(`runs ${file}${worker ? ` with ${worker} beside it` : ""}`, async () => {
        const port = await freePort();
        const server = start(file, port);
        await sendCheckout(port);
        const beside = worker && start("node_modules/@knocker/" + name + "/bin/knocker-worker.js", port, worker);
        const push = testing.sign("github", readFileSync(join(examples, "payloads/github-push.json")), SECRETS.GITHUB_WEBHOOK_SECRET, {
          headers: { "X-GitHub-Event": "push", "X-GitHub-Delivery": file },
        });
        assert.equal((await post(port, push, { path: "/webhooks/github" })).status, 200);
        assert.equal((await orders("shop.db")).length, 1);
        assert.equal((await orders("shop.db", "builds", index + 1)).length, index + 1);
        await beside?.stop();
        await server.stop();
      });
    }

    for (const [file, expected] of scripts) {
      it(`runs ${file}`, async () => {
        const { stdout } = await run(program, [file], { cwd: project, env: environment });
        assert.match(stdout, expected);
      });
    }

    it("runs the tests of the example", async () => {
      const { stdout, stderr } = await run(program, tests, { cwd: project, env: environment });
      assert.match(stdout + stderr, /pass 2|2 pass/);
    });
  });
}
