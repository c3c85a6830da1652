/** Why a file could not be opened, in words that name it: SQLite says "unable to open database file" of all that can be wrong with a path. */

import { closeSync, existsSync, mkdtempSync, openSync, rmdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

import { DatabaseError, IoError, ReadOnlyError } from "./errors.js";

/** What the person who reads it can do. Trying again would not help, as it does with a failing disk. */
const FACTS = { retryable: false, hint: "Correct the path, create the folder first, or let this user write to the file and its folder." };

/** The error of opening this path, with what is wrong with the path, if that is it. */
export function explainedOpening(path: string, error: unknown): unknown {
  if (!(error instanceof IoError || error instanceof ReadOnlyError) || path === ":memory:") return error;
  const file = resolve(path);
  const reason = whyNot(file);
  const Class = error.constructor as typeof DatabaseError;
  return new Class(`cannot open ${file}: ${reason ?? error.message}`, { ...(reason ? FACTS : error), code: error.code, cause: error });
}

function whyNot(file: string): string | undefined {
  const folder = dirname(file);
  if (isFolder(file)) return "it is a folder";
  if (!isFolder(folder)) return `there is no folder ${folder}`;
  if (existsSync(file) && !succeeds(() => closeSync(openSync(file, "r+")))) return "this user may not write to the file";
  // SQLite keeps its log there.
  if (!succeeds(() => rmdirSync(mkdtempSync(join(folder, ".knocker-"))))) return `this user may not write to the folder ${folder}`;
  return undefined;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** By doing it: permissions, owners and mounts have their say together. */
function succeeds(attempt: () => void): boolean {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
}
