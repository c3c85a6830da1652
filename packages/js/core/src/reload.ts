/**
 * Hot reload: where a runtime evaluates the modules of a running program anew, this one among them, what the former ones have started would go on with the former
 * code beside the new one. So it is ended when this module is evaluated again.
 */

/** What can be ended. */
interface Started {
  end(): void;
}

/** By the address of this module: two installed copies of this package are two programs in one process, and none of each other's business. */
const PLACE = Symbol.for(`knocker: ${import.meta.url.split("?")[0]}`);

const program = globalThis as { [PLACE]?: Set<Started> };
const former = program[PLACE];
const started = new Set<Started>();
program[PLACE] = started;
for (const one of former ?? []) one.end();

/** Notes what has to end when this module is evaluated again; the returned function forgets it. */
export function endOnReload(end: () => void): () => void {
  const one = { end };
  started.add(one);
  return () => started.delete(one);
}
