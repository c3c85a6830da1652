// Which version of the site is built, and which others stand beside it. `build/versions` says so; a checkout alone has none.
const folder = (text) => `/${(text || "").replace(/^\/|\/$/g, "")}/`.replace("//", "/");

/** The tag that this site is of; nothing for the site that stands at the root, which is the newest. */
export const version = process.env.DOCS_VERSION || "";
/** Where all of them stand. */
export const root = folder(process.env.DOCS_ROOT ?? process.env.DOCS_BASE);

const tags = (process.env.DOCS_VERSIONS || "").split(/\s+/).filter(Boolean);

/** Every version with its place, the newest first. */
export const versions = tags.map((tag, index) => ({
  label: index ? tag : `${tag} (newest)`,
  place: index ? `${root}${tag}/` : root,
  shown: version ? tag === version : !index,
}));
