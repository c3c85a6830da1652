/** Where the loadable library is, and how it gets onto a connection. */

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

import type { Connection, Driver } from "./driver.js";
import { ENTRY_POINT, LIBRARY_FILES, OLDEST_SQLITE, VERSION } from "./contract.js";
import { knockerError } from "./errors.js";

/** The npm packages that may hold the library for this platform, the likelier first. */
export function platformPackages(platform = process.platform, arch: string = process.arch): string[] {
  if (platform === "linux") {
    const libcs = isMusl() ? ["musl", "gnu"] : ["gnu", "musl"];
    return libcs.map((libc) => `@knocker/lib-linux-${arch}-${libc}`);
  }
  return [`@knocker/lib-${platform}-${arch}`];
}

/** Whether this process runs on musl. What a machine has besides says nothing: glibc's may have musl for its compiler. */
function isMusl(): boolean {
  try {
    return readFileSync("/proc/self/maps", "latin1").includes("/ld-musl-");
  } catch {
    return false;
  }
}

/** The path of a file in the platform package that npm installed; undefined where there is none. */
export function inPlatformPackage(file: string): string | undefined {
  const require = createRequire(import.meta.url);
  for (const name of platformPackages()) {
    try {
      return require.resolve(`${name}/${file}`);
    } catch {
      continue;
    }
  }
  return undefined;
}

/**
 * The path of the loadable library: the explicit one, then `KNOCKER_EXTENSION`, then the platform package that npm installed.
 * @throws LibraryNotFoundError naming every place that was looked at.
 */
export function loadablePath(explicit?: string): string {
  for (const [origin, path] of [
    ["the option `extension`", explicit],
    ["KNOCKER_EXTENSION", process.env["KNOCKER_EXTENSION"]],
  ] as const) {
    if (!path) continue;
    // A bare name would be looked up in the system's library folders instead of here.
    if (existsSync(path)) return resolve(path);
    throw knockerError("library_not_found", `${origin} says ${JSON.stringify(path)}, and there is no such file`);
  }
  const file = LIBRARY_FILES[process.platform];
  const packaged = file === undefined ? undefined : inPlatformPackage(file);
  if (packaged !== undefined) return packaged;
  const packages = platformPackages();
  throw knockerError(
    "library_not_found",
    `no library for ${process.platform} ${process.arch}: neither \`extension\` nor KNOCKER_EXTENSION is set, and ${packages.join(" and ")} ${packages.length > 1 ? "are" : "is"} not installed`,
  );
}

/**
 * Loads the library on a connection. Loading writes nothing; doing it twice is harmless.
 * @throws LibraryTooOldError where it is older than this package and lacks what it reads; a newer one serves it.
 * @throws UnsupportedSqliteError where this SQLite is too old, whether or not it loads extensions.
 */
export function loadOn(connection: Connection<unknown>, explicit?: string): void {
  const library = loadablePath(explicit);
  try {
    connection.loadExtension(library, ENTRY_POINT);
  } catch (error) {
    throw notLoaded(connection, library, error);
  }
  requireVersion(connection, library);
}

/** Of an old SQLite what the library itself would say, could it be loaded: another way to load it would not help. */
function notLoaded(connection: Pick<Connection<unknown>, "all">, library: string, error: unknown): unknown {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code !== "cannot_load" && code !== "sqlite_error") return error;
  const found = connection.all("SELECT sqlite_version() AS version")[0]!["version"] as string;
  if (isOlder(found, OLDEST_SQLITE)) {
    return knockerError("unsupported_sqlite", `this program's SQLite is ${found}, Knocker needs ${OLDEST_SQLITE}`, error);
  }
  return code === "cannot_load" ? error : knockerError("cannot_load", `SQLite cannot load ${library}: ${String(message)}`, error);
}

/** @throws LibraryTooOldError */
export function requireVersion(connection: Pick<Connection<unknown>, "all">, library: string): void {
  const found = connection.all("SELECT knocker_version() AS version")[0]!["version"] as string;
  if (isOlder(found, VERSION)) {
    throw knockerError("library_too_old", `${library} has the version ${found}, and this package needs ${VERSION} or a newer one`);
  }
}

function isOlder(found: string, wanted: string): boolean {
  const [ours, theirs] = [found, wanted].map((version) => version.split("-")[0]!.split(".").map(Number));
  const at = theirs!.findIndex((part, index) => part !== ours![index]);
  return at >= 0 && ours![at]! < theirs![at]!;
}

/** Which SQLite library of this thread opened a file first. Two on one file drop each other's locks. */
const libraries = new Map<string, { library: unknown; name: string; users: number }>();

/**
 * Notes that a file is open through this driver, until the returned function is called.
 * @throws SecondSqliteError where another SQLite library has it open.
 */
export function claimFile(file: string, driver: Driver<unknown>): () => void {
  if (!file) return () => {};
  const known = libraries.get(file) ?? { library: driver.library, name: driver.name, users: 0 };
  if (known.library !== driver.library) {
    throw knockerError(
      "second_sqlite",
      `${file} is open through ${known.name} in this process, and ${driver.name} brings another SQLite library`,
    );
  }
  known.users += 1;
  libraries.set(file, known);
  return () => {
    known.users -= 1;
    if (known.users === 0) libraries.delete(file);
  };
}
