// An oracle: one function of somebody else's library that verifies one case.

import { readFileSync, readdirSync } from "node:fs";

import { load } from "./case.js";

/**
 * How a library verifies the requests of one case.
 *
 * `verify` answers true or false, also as a promise. An error whose class and message match `refusals` is false as well, any other
 * fails the test. `differs` names the checks in which the library is expected to say the opposite of Knocker, each with the reason.
 */
export class Oracle {
  constructor({ case: name, library, verify, sign = null, refusals = null, differs = {} }) {
    this.case = load(name);
    this.library = library;
    this.version = installed(library);
    this.verify = verify;
    this.sign = sign;
    this.refusals = refusals;
    this.differs = differs;
  }

  get name() {
    return `${this.case.name}-${this.library}`;
  }

  /** Whether the library takes the request for genuine. */
  async accepts(request, secret) {
    try {
      return Boolean(await this.verify(request, secret));
    } catch (error) {
      if (this.refusals?.test(`${error.constructor.name}: ${error.message}`)) return false;
      throw error;
    }
  }

  /** What the library should say in this check: what Knocker says, or the opposite where it is known to differ. */
  expected(check, valid) {
    return valid !== check in this.differs;
  }
}

/** For functions that raise where they refuse, whatever they return. */
export async function accepted(result) {
  await result;
  return true;
}

// Not every package lets its package.json be imported.
function installed(library) {
  const manifest = `${process.env.KNOCKER_ORACLES_MODULES}/${library}/package.json`;
  return JSON.parse(readFileSync(manifest, "utf8")).version;
}

/** The oracles of every module in `oracles/`. */
export async function loadAll() {
  const folder = new URL("oracles/", import.meta.url);
  const modules = await Promise.all(readdirSync(folder).map((file) => import(new URL(file, folder))));
  return modules.flatMap((module) => module.oracles).map((fields) => new Oracle(fields));
}
