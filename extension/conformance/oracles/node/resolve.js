// Packages are installed outside the source tree: imports of the suite are looked up there. `#imports` is Nuxt's, for its validators.

import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

const suite = new URL(".", import.meta.url).href;
const installed = pathToFileURL(`${process.env.KNOCKER_ORACLES_MODULES}/package.json`).href;

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === "#imports") return next(new URL("nuxt.js", suite).href, context);
    const isPackage = /^[@\w]/.test(specifier) && !specifier.startsWith("node:") && !specifier.startsWith("file:");
    const fromSuite = context.parentURL?.startsWith(suite);
    return next(specifier, isPackage && fromSuite ? { ...context, parentURL: installed } : context);
  },
});
