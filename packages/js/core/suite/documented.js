import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../../../", import.meta.url));

/** The code of a README, and of the page behind it, is cut from files that tests run. */
export default function documented(runtime, name) {
  const { describe, it } = runtime;

  describe(`packages/js/${name}/README.md, and what it links to`, () => {
    const pages = [`packages/js/${name}/README.md`, `docs/src/content/docs/reference/${name}-in-depth.md`];
    const texts = pages.map((page) => [page, readFileSync(join(repository, page), "utf8")]);

    it("shows code only from files that run", () => {
      const blocks = texts.flatMap(([, text]) => [...text.matchAll(/(<!-- from (\S+) -->\n)?```(\w+)\n([^]*?)```/g)]);
      assert.ok(blocks.length >= 4, "there is code to check");
      for (const [, , source, language, code] of blocks) {
        assert.ok(source, `a ${language} block names no file:\n${code}`);
        assert.ok(readFileSync(join(repository, source), "utf8").includes(code), `${source} does not hold:\n${code}`);
      }
    });

    it("links to files that exist", () => {
      for (const [page, text] of texts) {
        for (const [, target] of text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
          readFileSync(join(repository, dirname(page), target.endsWith("/") || !/\.\w+$/.test(target) ? `${target}/README.md` : target));
        }
      }
    });
  });
}
