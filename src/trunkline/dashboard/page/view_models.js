// @ts-check
/** Which models there are, which requests go where, and where one request would go. */

import { ask, get } from "./api.js";
import { formOf } from "./config_shapes.js";
import { element, fill } from "./element.js";
import { count, NOTHING, plain, quoted, several } from "./format.js";
import { commandLine, copier, during, field, nothing, select, trouble } from "./parts.js";
import { linkTo } from "./router.js";
import { table } from "./rows.js";

/** @typedef {import("./types.js").Model} Model */

/** What each route takes, said before its target. @type {Record<string, string>} */
const TAKES = {
  default: "Whatever no other route takes",
  background: "Small work that agents give to Haiku",
  think: "Requests with thinking turned on",
  longContext: "Long requests",
  webSearch: "Requests that search the web",
  image: "Requests with pictures",
  opus: "Claude Opus by any name, where no purpose decides",
  sonnet: "Claude Sonnet by any name, where no purpose decides",
  haiku: "Claude Haiku by any name, where no purpose decides",
  fable: "Claude Fable by any name, where no purpose decides",
};

/** @param {import("./types.js").App} _app */
export function view(_app) {
  const routes = element("section", { class: "card" }, element("h2", {}, "Routes"));
  const models = element("section", { class: "stack" }, element("h2", {}, "Models"));
  const load = async () => {
    try {
      const [list, config] = await Promise.all([get("/api/models"), get("/api/config")]);
      fill(routes, element("h2", {}, "Routes"), sentences(config));
      fill(models, element("h2", {}, "Models"), listed(list));
    } catch (error) {
      fill(models, trouble(error));
    }
  };
  void load();
  return { element: element("div", { class: "stack" }, element("div", { class: "halves" }, routes, trial()), models) };
}

/** @param {import("./types.js").Table} config */
function sentences(config) {
  const { routes } = formOf(config);
  const known = Object.entries(routes).filter(([, route]) => route.to.length);
  if (!known.length) return nothing("No route is configured.", element("p", {}, "Requests go to the model that they name. ", element("a", { href: linkTo("configuration") }, "Configure routes")));
  return element("ul", { class: "sentences" }, known.map(([name, route]) => element("li", {}, sentence(name, route))));
}

/**
 * @param {string} name
 * @param {{to: string[], above: string}} route
 */
function sentence(name, route) {
  const [first, ...others] = route.to;
  const above = route.above && name === "longContext" ? ` (above ${count(Number(route.above))} tokens)` : "";
  const after = others.map((target, index) => [index ? ", then " : "; when it fails, to ", element("b", {}, plain(target))]);
  return [element("span", { class: "tag" }, name), ` ${TAKES[name] ?? "Requests of this kind"}${above} → `, element("b", {}, plain(first)), after, "."];
}

/** @param {Model[]} models */
function listed(models) {
  if (!models.length) return nothing("No model is known.", element("p", {}, "Providers list theirs when they are asked; models may also be named in the configuration."));
  /** @type {import("./rows.js").Column<Model>[]} */
  const columns = [
    { title: "Model", heading: true, show: (one) => element("a", { href: linkTo("requests", "", requestsOf(one)) }, element("bdi", {}, plain(one.id))) },
    { title: "Clients also ask for", name: "wrap", show: (one) => plain((one.aliases ?? []).join(", ")) },
    { title: "Routes", show: (one) => (one.routes?.length ? one.routes.map((route) => element("span", { class: "tag" }, route)) : NOTHING) },
    { title: "Context", number: true, show: (one) => count(one.context) },
    { title: "Output", number: true, show: (one) => count(one.output) },
    { title: "Speaks", name: "wrap", show: (one) => plain((one.protocols ?? []).join(", ")) },
    { title: "Can", name: "wrap", show: (one) => plain((one.capabilities ?? []).join(", ")) },
  ];
  return [element("p", { class: "hint" }, `${several(models.length, "model")}. Clients may ask for any of these names.`), table("Models", columns, models)];
}

/** @param {Model} one @returns {Record<string, string>} */
const requestsOf = ({ provider, model }) => ({ ...(provider ? { provider } : {}), ...(model ? { model } : {}) });

/** @type {[string, string][]} */
const PROTOCOLS = [["anthropic_messages", "Anthropic Messages"], ["openai_chat", "OpenAI Chat"], ["openai_responses", "OpenAI Responses"], ["gemini", "Gemini"]];

/** The form that asks where a request would go. */
function trial() {
  const model = element("input", { name: "model", placeholder: "claude-sonnet-4-5", spellcheck: "false", autocomplete: "off" });
  const protocol = select(PROTOCOLS, "anthropic_messages");
  const body = element("textarea", { rows: 5, spellcheck: "false", placeholder: '{"model": "...", "messages": [...]}' });
  const explain = element("button", { type: "submit", class: "primary" }, "Explain");
  const trouble = element("div", {});
  const result = element("div", { "aria-live": "polite" });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    fill(result);
    void during(explain, trouble, async () => {
      const request = requestOf(body.value, model.value);
      fill(result, answered(await ask("POST", "/api/explain", { protocol: protocol.value, body: request }), request));
    });
  };
  const form = element("form", { class: "stack", submit }, element("div", { class: "grid" }, field("Model", model), field("Protocol", protocol)), field("Or the whole body", body, "As JSON. Nothing is sent to a provider."), trouble, element("div", { class: "row" }, explain));
  return element("section", { class: "card" }, element("h2", {}, "Try a request"), form, result);
}

/** @param {string} text @param {string} model */
function requestOf(text, model) {
  /** @type {Record<string, unknown>} */
  let request = { messages: [{ role: "user", content: "Hello" }], max_tokens: 100 };
  if (text.trim()) {
    try {
      request = JSON.parse(text);
    } catch (error) {
      throw new Error(`The body is no JSON: ${error instanceof Error ? error.message : error}`);
    }
  }
  if (model) request.model = model;
  if (!request.model) throw new Error("Name a model, or paste a body that names one.");
  return request;
}

/**
 * @param {any} said
 * @param {Record<string, unknown>} request
 */
function answered(said, request) {
  /** @type {any[]} */
  const targets = said.targets ?? [];
  const [first, ...others] = targets.map((one) => one.target);
  const text = JSON.stringify(said, null, 2);
  const facts = said.request ? `About ${count(said.request.tokens)} tokens${said.request.thinking ? ", with thinking" : ""}${said.request.web_search ? ", with web search" : ""}${said.request.image ? ", with pictures" : ""}.` : "";
  return element(
    "div",
    { class: "stack answer" },
    element("p", {}, element("bdi", {}, plain(said.model)), " → ", element("b", {}, plain(first)), others.length ? `; when it fails: ${others.map(plain).join(", then ")}` : "", said.left ? `; ${count(said.left)} more would not be tried, for retry.targets` : "", "."),
    element("p", {}, `Why: ${plain(said.route)}. ${facts}`),
    element("details", {}, element("summary", {}, "All that is known"), element("pre", {}, text)),
    element("div", { class: "row" }, copier("Copy as JSON", () => text)),
    commandLine(`echo ${quoted(JSON.stringify({ model: request.model }))} | trunkline explain -`),
  );
}
