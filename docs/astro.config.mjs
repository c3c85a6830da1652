import { satteri } from "@astrojs/markdown-satteri";
import starlight from "@astrojs/starlight";
import { defineConfig } from "astro/config";
import { base, forge, site } from "./build/project.mjs";
import { sidebar } from "./build/sidebar.mjs";

export default defineConfig({
  site,
  base,
  trailingSlash: "always",
  devToolbar: { enabled: false },
  markdown: { processor: satteri({ features: { smartPunctuation: false } }) },
  integrations: [
    starlight({
      title: "Knocker",
      description: "Webhooks, received durably in an app that runs on SQLite.",
      social: [{ icon: "github", label: "GitHub", href: forge }],
      lastUpdated: true,
      customCss: ["./src/styles/site.css"],
      sidebar: sidebar(),
    }),
  ],
});
