// @ts-check
/**
 * The two forms of configuration that can be filled in by hand: claude-code-router's and Trunkline's own. Each becomes the
 * same fields, and goes back with everything else in it as it was.
 */

/** @typedef {import("./types.js").Table} Table */
/** @typedef {{to: string[], above: string}} Route */
/** @typedef {{field: string, url: string}} Address  `field`: host, url, api_base_url, or a protocol that it speaks */

/**
 * @typedef {object} Provider
 * @property {string} known  its name in the file; empty for a new one
 * @property {string} name
 * @property {string} kind
 * @property {Address[]} addresses
 * @property {string} key
 * @property {boolean} severalKeys  only the text shows them
 * @property {string[]} models
 * @property {unknown} transforms  as JSON, or undefined
 * @property {unknown} modelTransforms
 *
 * @typedef {object} Form
 * @property {"ccr" | "trunkline"} shape
 * @property {Provider[]} providers
 * @property {Record<string, Route>} routes
 * @property {Record<string, string>} server
 *
 * @typedef {object} Setting  One value that is neither a provider's nor a route's.
 * @property {string[]} path
 * @property {string} title
 * @property {string} hint
 * @property {"text" | "number" | "secret" | "level"} kind
 */

export const ROUTES = ["default", "background", "think", "longContext", "webSearch", "image"];
const PROTOCOLS = ["openai_chat", "openai_responses", "anthropic_messages", "gemini"];
export const ADDRESSES = ["host", "url", ...PROTOCOLS];
/** Older guides spell claude-code-router's keys otherwise: what is there is kept. @type {Record<string, string[]>} */
const SPELLINGS = {
  name: ["name", "NAME"],
  api_base_url: ["api_base_url", "HOST", "baseUrl"],
  api_key: ["api_key", "APIKEY", "apiKey"],
  models: ["models", "MODELS"],
  transformer: ["transformer", "transformers"],
};

/** @type {Record<Form["shape"], Setting[]>} */
export const SETTINGS = {
  ccr: [
    { path: ["HOST"], title: "Host", hint: "127.0.0.1 without a client key", kind: "text" },
    { path: ["PORT"], title: "Port", hint: "3456 when empty", kind: "number" },
    { path: ["APIKEY"], title: "Client key", hint: "what agents must present; a variable as $NAME", kind: "secret" },
    { path: ["LOG_LEVEL"], title: "Log level", hint: "", kind: "level" },
    { path: ["API_TIMEOUT_MS"], title: "API timeout (ms)", hint: "for a whole answer", kind: "number" },
    { path: ["PROXY_URL"], title: "Proxy", hint: "toward providers", kind: "text" },
    { path: ["CUSTOM_ROUTER_PATH"], title: "Custom router", hint: "path of a script", kind: "text" },
    { path: ["REWRITE_SYSTEM_PROMPT"], title: "System prompt", hint: "path of a text file", kind: "text" },
  ],
  trunkline: [
    { path: ["server", "host"], title: "Host", hint: "beyond 127.0.0.1 only with client keys", kind: "text" },
    { path: ["server", "port"], title: "Port", hint: "3456 when empty", kind: "number" },
    { path: ["server", "admin_key"], title: "Admin key", hint: "what this page wants; a variable as ${NAME}", kind: "secret" },
    { path: ["timeouts", "up_total_whole"], title: "API timeout (s)", hint: "for a whole answer", kind: "number" },
    { path: ["upstream_proxy"], title: "Proxy", hint: "toward providers", kind: "text" },
    { path: ["custom_router"], title: "Custom router", hint: "path of a script", kind: "text" },
    { path: ["prompt", "file"], title: "System prompt", hint: "path of a text file", kind: "text" },
  ],
};

/** @param {unknown} value @returns {value is Table} */
const isTable = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether a file says its things as claude-code-router does. @param {Table} config */
const isCcr = (config) => ["Providers", "Router", "PORT", "APIKEY", "HOST"].some((key) => key in config) || Array.isArray(config.providers);

/**
 * A configuration as fields.
 * @param {Table} config
 * @returns {Form}
 */
export function formOf(config) {
  const shape = isCcr(config) ? "ccr" : "trunkline";
  const providers = shape === "ccr" ? ccrList(config).filter(isTable).map(ccrProvider) : Object.entries(tableIn(config, "providers")).map(ownProvider);
  const server = Object.fromEntries(SETTINGS[shape].map(({ path }) => [path.join("."), textOf(valueAt(config, path))]));
  const table = shape === "ccr" ? tableIn(config, "Router") : tableIn(config, "routes");
  const names = [...new Set([...ROUTES, ...Object.keys(table).filter((name) => name !== "longContextThreshold" && name !== "custom")])];
  const routes = Object.fromEntries(names.map((name) => [name, routeOf(table[name], name === "longContext" ? table.longContextThreshold : undefined)]));
  return { shape, providers, routes, server };
}

/** @returns {Provider} */
export const newProvider = (/** @type {Form["shape"]} */ shape) => ({
  known: "",
  name: "",
  kind: shape === "ccr" ? "" : "custom",
  addresses: [{ field: shape === "ccr" ? "api_base_url" : "openai_chat", url: "" }],
  key: "",
  severalKeys: false,
  models: [],
  transforms: undefined,
  modelTransforms: undefined,
});

/**
 * The configuration with the fields as they are now; what no field shows stays.
 * @param {Table} config
 * @param {Form} form
 * @returns {Table}
 */
export function withForm(config, form) {
  /** @type {Table} */
  const changed = structuredClone(config);
  const before = formOf(config);
  if (form.shape === "ccr") changed[ccrKey(changed)] = form.providers.map((provider) => ccrEntry(provider, ccrList(config), before));
  else putOwnProviders(changed, form, config, before);
  putRoutes(changed, form, before);
  for (const setting of SETTINGS[form.shape]) {
    const name = setting.path.join(".");
    if (form.server[name] !== before.server[name]) putAt(changed, setting.path, typed(setting, form.server[name] ?? ""));
  }
  return changed;
}

/** @param {Table} config */
const ccrKey = (config) => ("providers" in config && !("Providers" in config) ? "providers" : "Providers");

/** @param {Table} config @returns {Table[]} */
const ccrList = (config) => (Array.isArray(config[ccrKey(config)]) ? config[ccrKey(config)] : []);

/** @param {Table} entry @param {string} name */
const spelled = (entry, name) => SPELLINGS[name]?.find((spelling) => spelling in entry) ?? name;

/** @param {Table} entry @returns {Provider} */
function ccrProvider(entry) {
  const at = (/** @type {string} */ name) => entry[spelled(entry, name)];
  return {
    known: textOf(at("name")),
    name: textOf(at("name")),
    kind: "",
    addresses: [{ field: "api_base_url", url: textOf(at("api_base_url")) }],
    key: Array.isArray(at("api_key")) ? "" : textOf(at("api_key")),
    severalKeys: Array.isArray(at("api_key")),
    models: textsOf(at("models")),
    transforms: at("transformer"),
    modelTransforms: undefined,
  };
}

/** @param {[string, unknown]} named @returns {Provider} */
function ownProvider([name, value]) {
  const entry = isTable(value) ? value : {};
  const speaks = Object.entries(tableIn(entry, "speaks")).map(([field, url]) => ({ field, url: textOf(url) }));
  const plain = ["host", "url"].filter((field) => field in entry).map((field) => ({ field, url: textOf(entry[field]) }));
  return {
    known: name,
    name,
    kind: textOf(entry.kind),
    addresses: [...plain, ...speaks],
    key: textOf(entry[keyField(entry)]),
    severalKeys: Array.isArray(entry.keys),
    models: textsOf(entry.models),
    transforms: entry.transforms,
    modelTransforms: entry.model_transforms,
  };
}

/** @param {Table} entry */
const keyField = (entry) => ("key" in entry ? "key" : "token");

/**
 * @param {Provider} provider
 * @param {Table[]} known
 * @param {Form} before
 */
function ccrEntry(provider, known, before) {
  const old = before.providers.find((one) => one.known === provider.known && one.known !== "");
  /** @type {Table} */
  const entry = structuredClone(known.find((one) => isTable(one) && textOf(one[spelled(one, "name")]) === provider.known && old) ?? {});
  const put = (/** @type {string} */ name, /** @type {unknown} */ value, /** @type {unknown} */ earlier) => putIfOther(entry, spelled(entry, name), value, earlier);
  put("name", provider.name, old?.name);
  put("api_base_url", provider.addresses[0]?.url ?? "", old?.addresses[0]?.url);
  if (!provider.severalKeys) put("api_key", provider.key || undefined, old?.key || undefined);
  put("models", provider.models, old?.models);
  put("transformer", provider.transforms, old?.transforms);
  return entry;
}

/**
 * @param {Table} changed
 * @param {Form} form
 * @param {Table} config
 * @param {Form} before
 */
function putOwnProviders(changed, form, config, before) {
  const known = tableIn(config, "providers");
  const entries = form.providers.map((provider) => {
    const old = before.providers.find((one) => one.known === provider.known && one.known !== "");
    /** @type {Table} */
    const entry = structuredClone(old && isTable(known[old.known]) ? known[old.known] : {});
    putIfOther(entry, "kind", provider.kind || undefined, old?.kind || undefined);
    if (JSON.stringify(provider.addresses) !== JSON.stringify(old?.addresses)) putAddresses(entry, provider.addresses);
    if (!provider.severalKeys) putIfOther(entry, keyField(entry), provider.key || undefined, old?.key || undefined);
    putIfOther(entry, "models", provider.models.length ? provider.models : undefined, old?.models.length ? old.models : undefined);
    putIfOther(entry, "transforms", provider.transforms, old?.transforms);
    putIfOther(entry, "model_transforms", provider.modelTransforms, old?.modelTransforms);
    return [provider.name, entry];
  });
  if (entries.length || "providers" in config) changed.providers = Object.fromEntries(entries);
}

/** @param {Table} entry @param {Address[]} addresses */
function putAddresses(entry, addresses) {
  for (const field of ["host", "url"]) {
    const given = addresses.find((one) => one.field === field && one.url);
    if (given) entry[field] = given.url;
    else delete entry[field];
  }
  const speaks = addresses.filter((one) => one.field !== "host" && one.field !== "url" && one.url);
  if (speaks.length) entry.speaks = Object.fromEntries(speaks.map(({ field, url }) => [field, url]));
  else delete entry.speaks;
}

/** @param {Table} entry @param {string} name @param {unknown} value @param {unknown} earlier */
function putIfOther(entry, name, value, earlier) {
  if (JSON.stringify(value) === JSON.stringify(earlier)) return;
  if (value === undefined) delete entry[name];
  else entry[name] = value;
}

/**
 * @param {unknown} value
 * @param {unknown} threshold
 * @returns {Route}
 */
function routeOf(value, threshold) {
  const rule = isTable(value) ? value : { to: value };
  const above = rule.above ?? threshold;
  return { to: textsOf(rule.to), above: textOf(above) };
}

/**
 * @param {Table} changed
 * @param {Form} form
 * @param {Form} before
 */
function putRoutes(changed, form, before) {
  const section = form.shape === "ccr" ? "Router" : "routes";
  for (const [name, route] of Object.entries(form.routes)) {
    const old = before.routes[name] ?? { to: [], above: "" };
    if (JSON.stringify(route) === JSON.stringify(old)) continue;
    const table = (changed[section] = tableIn(changed, section));
    if (form.shape === "ccr") putCcrRoute(table, name, route);
    else putOwnRoute(table, name, route);
  }
}

/** @param {Table} table @param {string} name @param {Route} route */
function putCcrRoute(table, name, route) {
  if (route.to.length) table[name] = route.to[0];
  else delete table[name];
  if (name !== "longContext") return;
  if (route.above) table.longContextThreshold = Number(route.above);
  else delete table.longContextThreshold;
}

/** @param {Table} table @param {string} name @param {Route} route */
function putOwnRoute(table, name, route) {
  const to = route.to.length > 1 ? route.to : route.to[0];
  if (to === undefined) {
    delete table[name];
    return;
  }
  /** @type {Table} */
  const rule = isTable(table[name]) ? { ...table[name], to } : { to };
  if (name === "longContext" && route.above) rule.above = Number(route.above);
  else if (name === "longContext") delete rule.above;
  table[name] = Object.keys(rule).length > 1 ? rule : to;
}

/** @param {Setting} setting @param {string} text */
function typed(setting, text) {
  if (text === "") return undefined;
  return setting.kind === "number" && /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** @param {Table} config @param {string[]} path */
function valueAt(config, path) {
  return path.reduce((/** @type {unknown} */ value, name) => (isTable(value) ? value[name] : undefined), config);
}

/** @param {Table} config @param {string[]} path @param {unknown} value */
function putAt(config, path, value) {
  const [name = "", ...rest] = path;
  if (rest.length) {
    config[name] = tableIn(config, name);
    putAt(config[name], rest, value);
    if (!Object.keys(config[name]).length) delete config[name];
  } else if (value === undefined) {
    delete config[name];
  } else {
    config[name] = value;
  }
}

/** @param {Table} table @param {string} name @returns {Table} */
const tableIn = (table, name) => (isTable(table[name]) ? table[name] : {});

/** @param {unknown} value */
const textOf = (value) => (value === null || value === undefined || typeof value === "object" ? "" : String(value));

/** @param {unknown} value @returns {string[]} */
const textsOf = (value) => (Array.isArray(value) ? value : value === null || value === undefined || value === "" ? [] : [value]).map(String);

/**
 * What is different, a line for each value: its place, what was there, what will be.
 * @param {unknown} before
 * @param {unknown} after
 * @param {string} [place]
 * @returns {{place: string, before: string, after: string}[]}
 */
export function changes(before, after, place = "") {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (isTable(before) && isTable(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) => changes(before[name], after[name], place ? `${place}.${name}` : name));
  }
  if (areTables(before) && areTables(after)) return changes(byName(before), byName(after), place);
  return [{ place, before: written(before), after: written(after) }];
}

/** @param {unknown} value @returns {value is Table[]} */
const areTables = (value) => Array.isArray(value) && value.every(isTable);

/** A list of named things, each under its name. @param {Table[]} list */
const byName = (list) => Object.fromEntries(list.map((entry, index) => [textOf(entry.name ?? entry.NAME) || String(index), entry]));

/** @param {unknown} value */
const written = (value) => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));
