// @ts-check
/** What was changed and not saved, kept while the page is open: leaving a view loses nothing. */

/** @type {{form: {config: import("./types.js").Table, draft: import("./config_shapes.js").Form, version: string} | null,
 *   text: {file: import("./types.js").ConfigText, draft: string} | null}} */
export const drafts = { form: null, text: null };
