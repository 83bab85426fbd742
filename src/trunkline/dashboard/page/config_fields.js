// @ts-check
/** The fields of the configuration form. Each writes into the draft as it is typed in. */

import { ADDRESSES, SETTINGS } from "./config_shapes.js";
import { element, fill } from "./element.js";
import { count, plain, several } from "./format.js";
import { button, field, select, unique } from "./parts.js";

/** @typedef {import("./config_shapes.js").Provider} Provider */
/** @typedef {import("./config_shapes.js").Form} Form */
/** @typedef {import("./config_shapes.js").Address} Address */

/** @type {Record<string, string>} */
const ADDRESS_NAMES = { host: "host", url: "base URL", openai_chat: "OpenAI Chat at", openai_responses: "OpenAI Responses at", anthropic_messages: "Anthropic Messages at", gemini: "Gemini at" };
const KINDS = ["custom", "databricks", "anthropic", "openai", "azure", "openrouter", "gemini", "vertex", "bedrock", "groq", "deepseek", "mistral", "xai", "together", "fireworks", "cerebras", "ollama", "vllm", "lmstudio"];
const LEVELS = ["", "fatal", "error", "warn", "info", "debug", "trace"];
/** @type {Record<string, string>} */
const ROUTE_HINTS = {
  default: "what no other route takes",
  background: "small work, for Haiku",
  think: "requests with thinking on",
  longContext: "long requests",
  webSearch: "requests that search the web",
  image: "requests with pictures",
};

/**
 * @param {string} value
 * @param {(value: string) => void} write
 * @param {import("./element.js").Attributes} [attributes]
 */
function input(value, write, attributes = {}) {
  const made = element("input", { type: "text", spellcheck: "false", autocomplete: "off", ...attributes, value, input: () => write(made.value.trim()) });
  return made;
}

/** A key: references and what is masked can be read, what is typed anew cannot. @param {string} value @param {(value: string) => void} write */
function secret(value, write) {
  const open = (/** @type {string} */ text) => text === "" || text.startsWith("$") || /^\*+$/.test(text);
  const made = element("input", {
    type: open(value) ? "text" : "password",
    spellcheck: "false",
    autocomplete: "off",
    value,
    input: () => {
      made.type = open(made.value) ? "text" : "password";
      write(made.value.trim());
    },
  });
  return made;
}

/**
 * @param {string[]} lines
 * @param {(lines: string[]) => void} write
 */
function textLines(lines, write) {
  const made = element("textarea", { rows: Math.min(8, Math.max(2, lines.length + 1)), spellcheck: "false", value: lines.join("\n"), input: () => write(made.value.split("\n").map((line) => line.trim()).filter(Boolean)) });
  return made;
}

/** Any value as JSON; what is no JSON stays in the field and is not taken. @param {unknown} value @param {(value: unknown) => void} write */
function json(value, write) {
  const made = element("textarea", { rows: 3, spellcheck: "false", value: value === undefined ? "" : JSON.stringify(value, null, 1), input: () => take() });
  const take = () => {
    try {
      write(made.value.trim() ? JSON.parse(made.value) : undefined);
      made.setCustomValidity("");
    } catch {
      made.setCustomValidity("This is no JSON yet.");
    }
    made.toggleAttribute("aria-invalid", !made.validity.valid);
  };
  return { control: made, take };
}

/**
 * @param {Provider} provider
 * @param {Form["shape"]} shape
 * @param {string[]} transformers
 * @param {() => void} remove
 */
export function providerCard(provider, shape, transformers, remove) {
  const title = element("summary", {});
  const told = () => fill(title, element("b", {}, element("bdi", {}, provider.name || "New provider")), " ", element("span", { class: "hint" }, element("bdi", {}, plain(provider.addresses[0]?.url || provider.kind)), ` · ${provider.models.length ? several(provider.models.length, "model") : "models as it lists them"}`));
  told();
  const name = input(provider.name, (value) => void ((provider.name = value), told()), { required: true });
  const models = textLines(provider.models, (value) => void ((provider.models = value), told()));
  const key = provider.severalKeys ? element("input", { value: "several keys", readOnly: true }) : secret(provider.key, (value) => void (provider.key = value));
  const keyHint = provider.severalKeys ? "edit them in the text" : "a variable as $NAME, or the key itself";
  return element(
    "details",
    { class: "card provider" },
    title,
    element(
      "div",
      { class: "grid" },
      field("Name", name),
      shape === "ccr" ? null : kindField(provider, told),
      addressFields(provider, shape, told),
      field("Key", key, keyHint),
      field("Models", models, shape === "ccr" ? "one a line" : "one a line; none: as the provider lists them"),
      transformField(provider, shape, transformers),
      shape === "ccr" ? null : field("Transforms by model", json(provider.modelTransforms, (value) => void (provider.modelTransforms = value)).control, "as JSON: {model: [names]}"),
    ),
    element("div", { class: "row" }, button("Delete this provider", remove, { class: "small danger" })),
  );
}

/** @param {Provider} provider @param {() => void} told */
function kindField(provider, told) {
  const list = element("datalist", { id: unique() }, KINDS.map((kind) => element("option", { value: kind })));
  const control = input(provider.kind, (value) => void ((provider.kind = value), told()), { list: list.id });
  return [field("Kind", control, "its name decides when this is empty"), list];
}

/**
 * @param {Provider} provider
 * @param {Form["shape"]} shape
 * @param {() => void} told
 */
function addressFields(provider, shape, told) {
  if (shape === "ccr") {
    const [address] = provider.addresses;
    return address ? field("Address", input(address.url, (value) => void ((address.url = value), told()), { inputmode: "url" }), "with or without the path of the endpoint") : null;
  }
  const host = element("div", { class: "addresses" });
  const show = () => fill(host, provider.addresses.map((address) => addressLine(provider, address, show, told)), element("div", { class: "row" }, button("Add an address", add, { class: "small" })));
  const add = () => {
    const free = ADDRESSES.find((name) => !provider.addresses.some((one) => one.field === name)) ?? "url";
    provider.addresses.push({ field: free, url: "" });
    show();
  };
  show();
  return element("fieldset", {}, element("legend", {}, "Addresses"), host);
}

/**
 * @param {Provider} provider
 * @param {Address} address
 * @param {() => void} show
 * @param {() => void} told
 */
function addressLine(provider, address, show, told) {
  const known = ADDRESSES.includes(address.field) ? ADDRESSES : [...ADDRESSES, address.field];
  const what = select(named(known, ADDRESS_NAMES), address.field, { "aria-label": "What the address is", change: () => void (address.field = what.value) });
  const url = input(address.url, (value) => void ((address.url = value), told()), { "aria-label": "Address", inputmode: "url" });
  const drop = () => {
    provider.addresses = provider.addresses.filter((one) => one !== address);
    show();
    told();
  };
  return element("div", { class: "row" }, what, url, button("Remove", drop, { class: "small", "aria-label": `Remove the address ${plain(address.url)}` }));
}

/**
 * @param {Provider} provider
 * @param {Form["shape"]} shape
 * @param {string[]} transformers
 */
function transformField(provider, shape, transformers) {
  const { control, take } = json(provider.transforms, (value) => void (provider.transforms = value));
  const choice = select(named(["", ...transformers], { "": "add one…" }), "", {
    "aria-label": "Add a transform",
    change: () => {
      if (choice.value) control.value = JSON.stringify(withTransform(provider.transforms, choice.value, shape), null, 1);
      choice.value = "";
      take();
    },
  });
  const hint = shape === "ccr" ? 'as JSON: {"use": ["name", ["name", {options}]]}' : 'as JSON: ["name", {"name": {options}}]';
  return element("div", {}, field(shape === "ccr" ? "Transformers" : "Transforms", control, hint), choice);
}

/** @param {unknown} value @param {string} name @param {Form["shape"]} shape */
function withTransform(value, name, shape) {
  if (shape === "trunkline") return [...(Array.isArray(value) ? value : []), name];
  const table = /** @type {Record<string, unknown>} */ (value ?? {});
  return { ...table, use: [...(Array.isArray(table.use) ? table.use : []), name] };
}

/** Options, some of which are called otherwise. @param {string[]} values @param {Record<string, string>} names @returns {[string, string][]} */
const named = (values, names) => values.map((value) => [value, names[value] ?? value]);

/** @param {Form} draft */
export function routesCard(draft) {
  const sign = draft.shape === "ccr" ? "," : "/";
  const list = element("datalist", { id: unique() });
  const offer = () => fill(list, draft.providers.flatMap((provider) => provider.models.map((model) => element("option", { value: `${provider.name}${sign}${model}` }))));
  const fields = Object.entries(draft.routes).map(([name, route]) => {
    const chain = draft.shape === "ccr" ? (/** @type {string} */ text) => [text] : (/** @type {string} */ text) => text.split(/,\s*/);
    const control = input(route.to.join(", "), (value) => void (route.to = value ? chain(value).filter(Boolean) : []), { list: list.id, placeholder: name === "default" ? `provider${sign}model` : "as default", focus: offer });
    return field(name, control, ROUTE_HINTS[name]);
  });
  const long = draft.routes.longContext;
  const above = long ? field("longContext above", input(long.above, (value) => void (long.above = value), { inputmode: "numeric", pattern: "[0-9]*", placeholder: "60000" }), `tokens; ${count(60000)} when empty`) : null;
  const more = draft.shape === "ccr" ? "" : " Several, separated by commas, are tried in turn.";
  return element("section", { class: "card stack" }, element("h2", {}, "Routes"), element("p", { class: "hint" }, `Each as provider${sign}model; empty: the request goes by default.${more}`), element("div", { class: "grid" }, fields, above), list);
}

/** @param {Form} draft */
export function serverCard(draft) {
  const fields = SETTINGS[draft.shape].map(({ path, title, hint, kind }) => {
    const name = path.join(".");
    const value = draft.server[name] ?? "";
    const write = (/** @type {string} */ text) => void (draft.server[name] = text);
    if (kind === "level") {
      const levels = LEVELS.includes(value) ? LEVELS : [...LEVELS, value];
      const choice = select(named(levels, { "": "as usual" }), value, { change: () => write(choice.value) });
      return field(title, choice);
    }
    const control = kind === "secret" ? secret(value, write) : input(value, write, kind === "number" ? { inputmode: "numeric" } : {});
    return field(title, control, hint || undefined);
  });
  return element("section", { class: "card stack" }, element("h2", {}, "Server"), element("div", { class: "grid" }, fields));
}
