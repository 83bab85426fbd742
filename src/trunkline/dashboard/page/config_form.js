// @ts-check
/** Providers, routes and server as fields. Saving writes the same file that the text shows. */

import { ask, get, query, Refused } from "./api.js";
import { changes, formOf, newProvider, withForm } from "./config_shapes.js";
import { drafts } from "./drafts.js";
import { element, fill } from "./element.js";
import { plain } from "./format.js";
import { agreed, button, copier, during, note, nothing, trouble } from "./parts.js";
import { linkTo } from "./router.js";
import { table } from "./rows.js";
import { providerCard, routesCard, serverCard } from "./config_fields.js";

/** @typedef {import("./types.js").Table} Table */
/** @typedef {import("./config_shapes.js").Form} Form */

/** A first file: enough for a workspace. */
const EXAMPLE = `providers:
  databricks:
    host: adb-1234567890123456.7.azuredatabricks.net
    token: \${DATABRICKS_TOKEN}
routes:
  default: databricks/databricks-claude-sonnet-4-5
`;
/** Names whose values are not shown, not even to those who typed them a moment ago. */
const SECRET = /(key|keys|token|secret|password)$/i;

export class ConfigForm {
  /** @param {import("./types.js").App} app */
  constructor(app) {
    this.app = app;
    this.place = element("div", { class: "stack" });
    this.providers = element("div", { class: "stack" });
    this.save = button("Save", () => void this.store(false), { class: "primary" });
    this.renew = button("Save and apply", () => void this.store(true));
    this.element = element("div", { class: "stack" });
    /** @type {string[]} */
    this.transformers = [];
  }

  changed() {
    return drafts.form !== null && changes(drafts.form.config, withForm(drafts.form.config, drafts.form.draft)).length > 0;
  }

  async look() {
    try {
      if (!drafts.form || !this.changed()) await this.load();
      this.show();
    } catch (error) {
      fill(this.element, trouble(error));
    }
  }

  async load() {
    const [file, known] = await Promise.all([get("/api/config/text"), get("/api/transformers")]);
    this.transformers = known.transformers.map((/** @type {{name: string}} */ one) => one.name);
    drafts.form = null;
    this.file = file;
    if (!fillable(file)) return;
    const config = await get("/api/config");
    drafts.form = { config, draft: formOf(config), version: file.version };
  }

  show() {
    if (!drafts.form) {
      fill(this.element, this.noForm());
      return;
    }
    const { draft } = drafts.form;
    const hint = this.changed() ? note("info", "These changes are not saved yet.") : null;
    const add = button("Add a provider", () => this.add());
    fill(
      this.element,
      element("p", { class: "hint" }, "In ", element("code", {}, plain(this.file?.path)), ". Keys are shown as ****; one that stays so is kept. Comments and everything without a field stay as they are."),
      hint,
      element("section", { class: "stack" }, element("h2", {}, "Providers"), this.providers, element("div", { class: "row" }, add)),
      routesCard(draft),
      serverCard(draft),
      this.place,
      element("div", { class: "row sticky" }, this.save, this.renew, button("Undo all changes", () => void this.undo(), { class: "quiet" })),
    );
    this.showProviders();
  }

  noForm() {
    const { path = "", kind = "", writable = false } = this.file ?? {};
    const text = element("p", {}, element("a", { href: linkTo("configuration", "text") }, writable ? "Edit it as text" : "See what is in force"));
    if (kind !== "environment") {
      return nothing("There is no form for this configuration.", element("p", {}, "The gateway runs on ", element("code", {}, plain(path)), ` (${plain(kind)}). The form is for Trunkline's YAML and for claude-code-router's config.json.`), text);
    }
    return nothing(
      "There is no configuration file to edit yet.",
      element("p", {}, "The gateway runs on what it finds without one: ", element("code", {}, plain(path)), ". Write ", element("code", {}, "~/.config/trunkline/config.yaml"), ", for example:"),
      element("pre", {}, EXAMPLE),
      copier("Copy the example", () => EXAMPLE),
      element("p", {}, "and start the gateway anew. From then on this page edits that file."),
      text,
    );
  }

  showProviders() {
    const draft = drafts.form?.draft;
    if (!draft) return;
    const open = new Set([...this.providers.children].flatMap((card) => (card instanceof HTMLDetailsElement && card.open ? card.querySelector("b")?.textContent : [])));
    const cards = draft.providers.map((provider) => providerCard(provider, draft.shape, this.transformers, () => void this.remove(provider)));
    draft.providers.forEach((provider, index) => cards[index]?.toggleAttribute("open", open.has(provider.name)));
    fill(this.providers, cards.length ? cards : nothing("No provider yet.", element("p", {}, "Add one: its address, its key, and the models to use.")));
  }

  add() {
    const draft = drafts.form?.draft;
    if (!draft) return;
    draft.providers.push(newProvider(draft.shape));
    this.showProviders();
    const card = this.providers.lastElementChild;
    if (card instanceof HTMLDetailsElement) card.open = true;
    card?.querySelector("input")?.focus();
  }

  /** @param {import("./config_shapes.js").Provider} provider */
  async remove(provider) {
    const draft = drafts.form?.draft;
    if (!draft) return;
    const used = Object.entries(draft.routes).filter(([, route]) => route.to.some((target) => target.split(/[,/]/, 1)[0] === provider.known)).map(([name]) => name);
    const body = [used.length ? `Routes go there: ${used.join(", ")}. ` : "", "It is gone from the file when you save."];
    if (!(await agreed({ title: `Delete the provider ${plain(provider.name)}?`, body, yes: "Delete", dangerous: true }))) return;
    draft.providers = draft.providers.filter((one) => one !== provider);
    this.showProviders();
  }

  async undo() {
    drafts.form = null;
    await this.look();
  }

  /** @param {boolean} apply */
  async store(apply) {
    await during(apply ? this.renew : this.save, this.place, async () => {
      const kept = drafts.form;
      if (!kept) return;
      const wanted = withForm(kept.config, kept.draft);
      const list = changes(kept.config, wanted);
      if (!list.length) {
        fill(this.place, note("info", "Nothing is changed."));
        return;
      }
      if (!(await agreed({ title: "Save these changes?", body: [changeTable(list)], yes: "Save" }))) return;
      await this.send(wanted, kept.version);
      drafts.form = null;
      await Promise.all([this.look(), this.app.refresh()]);
      this.app.notify(apply ? "Saved." : "Saved. The gateway runs on what was there before until you apply it.");
      if (apply) await this.app.apply();
    });
  }

  /**
   * Raises Refused also where the file is not the one any more that the form was filled from.
   * @param {Table} wanted
   * @param {string} version
   */
  async send(wanted, version) {
    try {
      await ask("POST", query("/api/config", { version }), wanted);
    } catch (error) {
      if (error instanceof Refused && error.status === 409) {
        throw new Refused(409, "The file was changed by somebody else since you opened it. Nothing was saved and your values are still here. To start from the file as it is now, choose “Undo all changes”.");
      }
      throw error;
    }
  }
}

/** @param {import("./types.js").ConfigText} file */
const fillable = ({ kind, language, writable }) => writable && ((language === "yaml" && kind === "trunkline") || kind === "ccr");

/** @param {{place: string, before: string, after: string}[]} list */
function changeTable(list) {
  const value = (/** @type {string} */ place, /** @type {string} */ text) => (SECRET.test(place) && text && text !== "****" && !text.startsWith("$") ? "(a new value)" : text || "(nothing)");
  return table("Changes", [
    { title: "Where", heading: true, show: (/** @type {{place: string, before: string, after: string}} */ one) => element("code", {}, plain(one.place)) },
    { title: "Now", name: "wrap", show: (one) => plain(value(one.place, one.before)) },
    { title: "Then", name: "wrap", show: (one) => plain(value(one.place, one.after)) },
  ], list);
}
