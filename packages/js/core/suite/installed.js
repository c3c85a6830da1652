import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { post } from "./serving.js";
import { start as startProgram } from "./starting.js";
import { failure, folder, isRunning, rows, until } from "./workplace.js";

const workspace = fileURLToPath(new URL("../../", import.meta.url));
const examples = fileURLToPath(new URL("../../../../examples/", import.meta.url));
const run = promisify(execFile);
const SECRETS = { STRIPE_WEBHOOK_SECRET: "whsec_test", GITHUB_WEBHOOK_SECRET: "test-secret" };

const CHECKOUT = JSON.parse(readFileSync(join(examples, "payloads/stripe-checkout-session-completed.json"), "utf8"));

/** Packs the package and this platform's library; returns the tarballs. Those of a release are in the folder that KNOCKER_TEST_TARBALLS names. */
function pack(name) {
  const packed = process.env.KNOCKER_TEST_TARBALLS;
  if (packed)
    return readdirSync(packed)
      .map((file) => join(packed, file))
      .filter((file) => new RegExp(`knocker-(${name}|lib-linux-x64-gnu)-[0-9]`).test(file));
  const out = folder();
  const packer = join(workspace, "pack.mjs");
  const platform = `${process.platform}-${process.arch}${process.platform === "linux" ? "-gnu" : ""}`;
  execFileSync(process.execPath, [packer, "platform", platform, process.env.KNOCKER_EXTENSION, process.env.KNOCKER_TEST_PROGRAM, out]);
  execFileSync(process.execPath, [packer, "package", name, out]);
  return readdirSync(out).map((file) => join(out, file));
}

/** A port that was free a moment ago. Not of those that the system gives to clients: one of them might get it before the server does. */
async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const listening = await new Promise((resolve) => {
      server.once("listening", () => resolve(true)).once("error", () => resolve(false));
      server.listen(port, "127.0.0.1");
    });
    if (!listening) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

/**
 * Copies modules, with everything that they depend on, out of what the lock file has installed: the versions are
 * the locked ones, and no registry is asked.
 * @param modules names in the project, and the folders that they are copied from.
 */
function copyLocked(from, to, modules) {
  const copied = new Set();
  const copy = (name, folder) => {
    if (copied.has(name) || !existsSync(join(from, folder))) return;
    copied.add(name);
    cpSync(join(from, folder), join(to, name), { recursive: true });
    needs(join(from, folder));
  };
  const needs = (folder) => {
    const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) copy(name, name);
    // What stands inside came along; what it needs itself may stand further up.
    for (const inside of modulesIn(join(folder, "node_modules"))) needs(inside);
  };
  for (const [name, folder] of Object.entries(modules)) copy(name, folder);
}

/** The folders of all modules in a `node_modules`. */
function modulesIn(folder) {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => !name.startsWith("."));
  const modules = names.flatMap((name) => (name.startsWith("@") ? readdirSync(join(folder, name)).map((rest) => join(name, rest)) : name));
  return modules.map((name) => join(folder, name));
}

/**
 * The examples, run from an empty project that npm filled with the packed tarballs, over real HTTP.
 * @param modules what else the project needs: names, and the folders of the workspace's `node_modules` that they come from.
 */
export default function installed(runtime, { name, label, program, modules, quickStarts, servers, scripts, tests, commands }) {
  const { describe, it, testing, openRaw } = runtime;

  describe(`installed from the tarballs: ${label}`, () => {
    const project = folder();
    // Nothing of the checkout: no variable that names the library, no path that leads back.
    // What npm runs, it runs with the first node there.
    const environment = { PATH: `${dirname(program)}:${process.env.PATH}`, HOME: process.env.HOME, ...SECRETS };

    function start(file, port, ...rest) {
      const child = spawn(program, [join(project, file), ...rest], {
        cwd: project,
        env: { ...environment, PORT: String(port) },
        stdio: ["ignore", "inherit", "inherit"],
      });
      const exited = once(child, "exit");
      const stop = async () => {
        child.kill("SIGTERM");
        // With all closed: the first process of a container has nobody to end it otherwise.
        assert.deepEqual(await exited, [0, null], file);
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
      const args = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--offline"];
      await run("npm", [...args, ...pack(name)], { cwd: project });
      copyLocked(join(workspace, "node_modules"), join(project, "node_modules"), modules);
      for (const file of readdirSync(join(examples, name))) {
        if (file.endsWith(".js")) cpSync(join(examples, name, file), join(project, file));
      }
      const print = `import { loadablePath } from "@knocker/${name}"; console.log(loadablePath());`;
      writeFileSync(join(project, "print.js"), print);
      for (const part of [name, "lib-linux-x64-gnu"]) {
        const licenses = readdirSync(join(project, "node_modules/@knocker", part)).filter((file) => file.startsWith("LICENSE"));
        assert.deepEqual(licenses.sort(), ["LICENSE-APACHE", "LICENSE-MIT"], part);
      }
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

    it("brings the knocker command, which passes on what it is told and what it ends with", async () => {
      const [command, ...args] = commands;
      const { stdout } = await run(command, [...args, "knocker", "--version"], { cwd: project, env: environment });
      assert.match(stdout, /^knocker \d+\.\d+\.\d+\n$/);
      const wrong = await failure(run(command, [...args, "knocker", "--no-such-option"], { cwd: project, env: environment }));
      assert.deepEqual([wrong.code, /--no-such-option/.test(wrong.stderr)], [2, true]);
    });

    it("runs a worker that ends when what started it has been told to", async () => {
      const [command, ...args] = commands;
      writeFileSync(
        join(project, "hooks.js"),
        `import { open } from "@knocker/${name}";\nexport const hooks = open(":memory:");\nhooks.endpoint("inbound", {}).on("*", () => {});\n`,
      );
      const { child, told } = startProgram(command, [...args, "knocker-worker", "./hooks.js"], { cwd: project, env: environment });
      const [, pid] = await until(() => {
        assert.equal(child.exitCode, null, told.stderr);
        return /works on/.test(told.stderr) && /:(\d+):/.exec(told.stderr);
      }, "the worker");
      child.kill("SIGTERM");
      await until(() => !isRunning(Number(pid)), "its end");
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

    it("runs the tests of the example", { skip: !tests && "they run in another project" }, async () => {
      const { stdout, stderr } = await run(program, tests, { cwd: project, env: environment });
      assert.match(stdout + stderr, /\b(pass [1-9]|[1-9]\d* pass)/);
      assert.match(stdout + stderr, /\b(fail 0|0 fail)\b/);
    });
  });
}
