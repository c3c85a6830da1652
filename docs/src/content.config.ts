import { docsSchema } from "@astrojs/starlight/schema";
import { glob } from "astro/loaders";
import { defineCollection } from "astro:content";

// `build/prepare.mjs` writes `.pages` from src/content/docs, from the Markdown beside it, and from the contract.
export const collections = {
  docs: defineCollection({ loader: glob({ base: ".pages", pattern: "**/*.{md,mdx}" }), schema: docsSchema() }),
};
