// @ts-check
/** Configurations that were packed up to be shared: what is installed, taking in another, filling in blanks. */

import { ask, get, told } from "./api.js";
import { element, fill } from "./element.js";
import { plain } from "./format.js";
import { agreed, button, commandLine, during, field, nothing, select, trouble } from "./parts.js";
import { linkTo } from "./router.js";
import { table } from "./rows.js";

/** @typedef {import("./types.js").App} App */
/** @typedef {import("./types.js").Place} Place */
/** @typedef {{id: string, name: string, version?: string, description?: string, author?: string, error?: string}} Preset */
/** @typedef {{id: string, type?: string, label?: string, prompt?: string, required?: boolean, options?: unknown, defaultValue?: unknown}} Blank */

/** @param {App} app @param {Place} place */
export function view(app, place) {
  const list = element("div", { class: "stack" });
  const one = element("div", { class: "stack" });
  const load = async () => {
    try {
      const { presets } = await get("/api/presets");
      fill(list, listed(presets, app, load));
    } catch (error) {
      fill(list, trouble(error));
    }
  };
  const update = (/** @type {Place} */ next) => void open(next.rest, one, app);
  void load();
  update(place);
  return { element: element("div", { class: "stack" }, list, one, taking(app, load)), update };
}

/**
 * @param {Preset[]} presets
 * @param {App} app
 * @param {() => Promise<void>} reload
 */
function listed(presets, app, reload) {
  if (!presets.length) return nothing("No preset is installed.", element("p", {}, "A preset is a configuration without its keys. Pack up this one for somebody else:"), commandLine("trunkline preset export my-preset"));
  const remove = async (/** @type {Preset} */ preset) => {
    if (!(await agreed({ title: `Delete the preset ${plain(preset.id)}?`, body: ["Its files are removed."], yes: "Delete", dangerous: true }))) return;
    try {
      await ask("DELETE", `/api/presets/${encodeURIComponent(preset.id)}`);
      app.notify(`The preset ${plain(preset.id)} is deleted.`);
      location.hash = linkTo("presets");
      await reload();
    } catch (error) {
      app.notify(told(error), "bad");
    }
  };
  /** @type {import("./rows.js").Column<Preset>[]} */
  const columns = [
    { title: "Name", heading: true, show: (one) => element("a", { href: linkTo("presets", one.id) }, element("bdi", {}, plain(one.id))) },
    { title: "Version", show: (one) => plain(one.version) },
    { title: "What it is", name: "wrap", show: (one) => plain(one.error ?? one.description) },
    { title: "Author", show: (one) => plain(one.author) },
    { title: "Actions", show: (one) => button("Delete", () => void remove(one), { class: "small danger", "aria-label": `Delete ${plain(one.id)}` }) },
  ];
  return table("Presets", columns, presets);
}

/**
 * @param {string} name
 * @param {HTMLElement} host
 * @param {App} app
 */
async function open(name, host, app) {
  if (!name) {
    fill(host);
    return;
  }
  try {
    const preset = await get(`/api/presets/${encodeURIComponent(name)}`);
    fill(host, element("section", { class: "card stack" }, element("h2", {}, plain(name)), about(preset), commandLine(`trunkline preset run ${/^[\w.-]+$/.test(name) ? name : "NAME"}`), blanks(name, preset, app), element("details", {}, element("summary", {}, "What it configures"), element("pre", {}, JSON.stringify(preset.config ?? {}, null, 2)))));
  } catch (error) {
    fill(host, trouble(error));
  }
}

/** @param {{metadata?: Record<string, unknown>}} preset */
const about = ({ metadata = {} }) => element("p", {}, plain(String(metadata.description ?? "It has no description.")));

/**
 * The form for what the preset leaves open.
 * @param {string} name
 * @param {{schema?: Blank[], userValues?: Record<string, unknown>}} preset
 * @param {App} app
 */
function blanks(name, { schema = [], userValues = {} }, app) {
  if (!schema.length) return element("p", { class: "hint" }, "It leaves nothing open.");
  const controls = schema.map((blank) => ({ blank, control: controlOf(blank, userValues[blank.id]) }));
  const apply = element("button", { type: "submit", class: "primary" }, "Apply");
  const place = element("div", {});
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    void during(apply, place, async () => {
      const given = controls.filter(({ control }) => control.value !== "" && control.value !== "****");
      const secrets = Object.fromEntries(given.map(({ blank, control }) => [blank.id, typed(blank, control.value)]));
      await ask("POST", `/api/presets/${encodeURIComponent(name)}/apply`, { secrets });
      app.notify(`The preset ${plain(name)} has its values.`);
    });
  };
  const fields = controls.map(({ blank, control }) => field(plain(blank.label ?? blank.id), control, blank.prompt && blank.prompt !== blank.label ? plain(blank.prompt) : undefined));
  return element("form", { class: "stack", submit }, element("h3", {}, "What it leaves open"), element("div", { class: "grid" }, fields), place, element("div", { class: "row" }, apply));
}

/** @param {Blank} blank @param {unknown} known */
function controlOf(blank, known) {
  const value = String(known ?? blank.defaultValue ?? "");
  const options = Array.isArray(blank.options) ? blank.options.map((one) => String(one?.value ?? one)) : [];
  if (options.length) return select(["", ...options], value);
  const secret = (blank.type ?? "password") === "password";
  return element("input", { type: secret ? "password" : "text", value, autocomplete: "off", spellcheck: "false" });
}

/** @param {Blank} blank @param {string} value */
function typed(blank, value) {
  if (blank.type === "number") return Number(value);
  return blank.type === "confirm" ? value === "true" : value;
}

/**
 * @param {App} app
 * @param {() => Promise<void>} reload
 */
function taking(app, reload) {
  const file = element("input", { type: "file", accept: ".json,.zip,application/json,application/zip", required: true });
  const name = element("input", { placeholder: "as the manifest says", autocomplete: "off", spellcheck: "false" });
  const replace = element("input", { type: "checkbox", id: "replace" });
  const install = element("button", { type: "submit", class: "primary" }, "Install");
  const place = element("div", { "aria-live": "polite" });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    void during(install, place, async () => {
      const chosen = file.files?.[0];
      if (!chosen) return;
      const said = await ask("POST", "/api/presets/install", await bodyOf(chosen, name.value, replace.checked));
      app.notify(said.message);
      const hosts = said.hosts?.length ? `It calls ${said.hosts.map(plain).join(", ")}.` : "It names no host.";
      const variables = said.variables?.length ? ` Set ${said.variables.map(plain).join(", ")} before it runs.` : "";
      fill(place, element("p", {}, hosts + variables));
      await reload();
    });
  };
  const form = element("form", { class: "stack", submit }, element("div", { class: "grid" }, field("Manifest or archive", file, "manifest.json, or a zip with one"), field("Name", name)), element("label", { class: "check", for: "replace" }, replace, " Replace one of the same name"), place, element("div", { class: "row" }, install));
  return element("section", { class: "card stack" }, element("h2", {}, "Install from a file"), form);
}

/**
 * @param {File} chosen
 * @param {string} name
 * @param {boolean} replace
 */
async function bodyOf(chosen, name, replace) {
  const data = await chosen.arrayBuffer();
  if (new Uint8Array(data.slice(0, 2)).join() === "80,75") return data; // a zip: PK
  try {
    return { manifest: JSON.parse(new TextDecoder().decode(data)), ...(name ? { name } : {}), replace };
  } catch {
    throw new Error(`${chosen.name} is neither a manifest in JSON nor a zip archive.`);
  }
}
