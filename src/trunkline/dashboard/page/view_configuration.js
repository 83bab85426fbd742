// @ts-check
/** The configuration file: as a form where it has one of the two forms that one can be made for, and always as text. */

import { element, fill } from "./element.js";
import { linkTo } from "./router.js";
import { ConfigForm } from "./config_form.js";
import { ConfigText } from "./config_text.js";

/** @typedef {import("./types.js").Place} Place */

/** @type {[string, string][]} */
const WAYS = [["", "Form"], ["text", "Text"]];

/** @param {import("./types.js").App} app @param {Place} place */
export function view(app, place) {
  const tabs = element("ul", { class: "tabs" });
  const host = element("div", {});
  const form = new ConfigForm(app);
  const text = new ConfigText(app);
  let shown = "none";
  const update = (/** @type {Place} */ next) => {
    const way = next.rest === "text" ? "text" : "";
    if (way === shown) return;
    shown = way;
    fill(tabs, WAYS.map(([name, title]) => element("li", {}, element("a", { href: linkTo("configuration", name), "aria-current": name === way ? "true" : null }, title))));
    const chosen = way === "text" ? text : form;
    fill(host, chosen.element);
    void chosen.look();
  };
  const guard = (/** @type {BeforeUnloadEvent} */ event) => (form.changed() || text.changed()) && event.preventDefault();
  window.addEventListener("beforeunload", guard);
  update(place);
  const close = () => window.removeEventListener("beforeunload", guard);
  return { element: element("div", { class: "stack" }, element("nav", { "aria-label": "Form or text" }, tabs), host), update, close };
}
