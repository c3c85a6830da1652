import { satteri } from "@astrojs/markdown-satteri";
import starlight from "@astrojs/starlight";
import { defineConfig } from "astro/config";
import { base, forge, site } from "./build/project.mjs";
import { sidebar } from "./build/sidebar.mjs";
import { version } from "./build/versions.mjs";

/** What is wider than the screen can be scrolled with the keyboard; what is not is no stop of it. */
const SCROLLED = `
const parts = document.querySelectorAll(".sl-markdown-content table, figure.diagram, .expressive-code pre");
const check = () => parts.forEach((part) => part.scrollWidth > part.clientWidth ? part.setAttribute("tabindex", "0") : part.removeAttribute("tabindex"));
check();
addEventListener("resize", check);
addEventListener("click", check);
`;

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
      favicon: "/favicon.svg",
      // The edit links are those of the pages' sources, which build/prepare.mjs names.
      components: { Search: "./src/components/Search.astro", EditLink: "./src/components/EditLink.astro", LanguageSelect: "./src/components/Versions.astro", MobileTableOfContents: "./src/components/MobileContents.astro" },
      head: [
        { tag: "meta", attrs: { property: "og:image", content: `${site}${base}card.png` } },
        { tag: "script", attrs: { type: "module" }, content: SCROLLED },
        // Search engines shall find the newest version.
        ...(version ? [{ tag: "meta", attrs: { name: "robots", content: "noindex" } }] : []),
        { tag: "meta", attrs: { property: "og:image:alt", content: "Knocker: webhooks, received durably in an app that runs on SQLite" } },
      ],
      customCss: ["./src/styles/site.css"],
      sidebar: sidebar(),
    }),
  ],
});
