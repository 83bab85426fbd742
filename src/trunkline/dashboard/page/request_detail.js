// @ts-check
/** All there is to know about one request, beside the list. */

import { ask, get, Refused, told } from "./api.js";
import { waterfall } from "./chart.js";
import { element, fill } from "./element.js";
import { count, moment, NOTHING, plain, quoted, read, seconds, several } from "./format.js";
import { badge, button, copier, factList, nothing, trouble } from "./parts.js";
import { table } from "./rows.js";
import { stateOf } from "./request_row.js";

/** @typedef {import("./types.js").Detail} Detail */
/** @typedef {import("./types.js").Attempt} Attempt */
/** @typedef {import("./types.js").Usage} Usage */

/**
 * @param {import("./types.js").App} app
 * @param {() => void} close
 */
export function detailPanel(app, close) {
  const host = element("section", { class: "detail card", hidden: true, tabindex: -1, "aria-label": "Details of a request" });
  host.addEventListener("keydown", (event) => event.key === "Escape" && close());
  let wanted = "";
  const show = async (/** @type {string} */ id) => {
    const opened = wanted !== id;
    wanted = id;
    host.hidden = id === "";
    if (!id) return;
    const content = await contentOf(id, app);
    if (wanted !== id) return;
    fill(host, element("div", { class: "row apart" }, element("h2", {}, "Request"), button("Close", close, { class: "small" })), content);
    if (opened) host.focus({ preventScroll: window.innerWidth >= 1180 });
  };
  return { element: host, show: (/** @type {string} */ id) => void show(id) };
}

/**
 * @param {string} id
 * @param {import("./types.js").App} app
 */
async function contentOf(id, app) {
  try {
    /** @type {Detail} */
    const detail = await get(`/api/requests/${encodeURIComponent(id)}`);
    return [actions(detail, app), facts(detail), tried(detail), lost(detail), arithmetic(detail.usage)];
  } catch (error) {
    if (error instanceof Refused && error.status === 404) {
      return nothing("This request is not kept any more.", element("p", {}, "The gateway keeps the latest ones in memory. Its log has a line for each:"), element("code", {}, inLog(id)));
    }
    return trouble(error);
  }
}

/** @param {string} id */
const inLog = (id) => `trunkline logs --json -n 10000 | grep ${quoted(id)}`;

/** @param {Detail} detail @param {import("./types.js").App} app */
function actions(detail, app) {
  const explain = `echo ${quoted(JSON.stringify({ model: detail.asked }))} | trunkline explain -`;
  const cancel = button("Cancel this request", () => void stop(), { class: "small danger" });
  const stop = async () => {
    try {
      await ask("DELETE", `/api/requests/${encodeURIComponent(detail.id)}`);
      app.notify("The request is cancelled: its client was told.");
    } catch (error) {
      app.notify(told(error), "bad");
    }
  };
  return element(
    "div",
    { class: "row" },
    copier("Copy as JSON", () => JSON.stringify(detail, null, 2)),
    copier("Copy log command", () => inLog(detail.id)),
    copier("Copy explain command", () => explain),
    detail.state === "live" ? cancel : null,
  );
}

/** @param {Detail} detail */
function facts(detail) {
  const answered = detail.provider ? `${plain(detail.provider)}/${plain(detail.model)}` : NOTHING;
  /** @type {[string, import("./element.js").Child][]} */
  const lines = [
    ["State", stateOf(detail)],
    ["Came", `${moment(detail.at)}`],
    ["Asked for", element("bdi", {}, plain(detail.asked))],
    ["Answered by", element("bdi", {}, answered)],
    ["Why there", plain(detail.route)],
    ["Protocol", `${plain(detail.protocol)}, ${plain(detail.operation)}${detail.stream ? ", streamed" : ""}`],
    ["Agent", element("bdi", {}, plain(detail.agent))],
    ["Client", element("bdi", {}, plain(detail.client))],
    ["Session", element("bdi", {}, plain(detail.session))],
    ["First byte after", seconds(detail.first_byte)],
    ["Took", seconds(detail.seconds)],
    ["Stopped by", stopped(detail.stop)],
    ["Id", element("code", {}, plain(detail.id))],
  ];
  const error = detail.error ? element("p", { class: "note bad" }, badge("bad", "Error"), " ", element("bdi", {}, plain(detail.error))) : null;
  return [error, factList(lines)];
}

/** @param {unknown} stop */
function stopped(stop) {
  if (typeof stop === "string") return plain(stop);
  const { reason, raw } = /** @type {{reason?: string, raw?: string}} */ (stop ?? {});
  return reason ? plain(raw && raw !== reason ? `${reason} (${raw})` : reason) : NOTHING;
}

/** @param {Detail} detail */
function tried({ attempts, seconds: whole }) {
  if (!attempts.length) return element("p", {}, "No provider has been asked yet.");
  let from = 0;
  const spans = attempts.map((attempt) => {
    const span = { label: `${attempt.target}: ${seconds(attempt.seconds)}`, from, length: attempt.seconds, tone: attempt.error ? "bad" : "good" };
    from += attempt.seconds;
    return span;
  });
  const rows = table("Attempts", [
    { title: "Asked", heading: true, show: (/** @type {Attempt} */ one) => [element("bdi", {}, plain(one.target)), element("small", {}, plain(one.surface)), one.error ? element("small", {}, element("bdi", {}, plain(one.error))) : null], name: "wrap" },
    { title: "Answer", show: (one) => (one.error || (one.status ?? 200) >= 400 ? badge("bad", String(one.status ?? "no answer")) : badge("good", String(one.status ?? "ok"))) },
    { title: "Took", number: true, show: (one) => seconds(one.seconds) },
  ], attempts);
  return element("section", {}, element("h3", {}, several(attempts.length, "attempt")), waterfall(spans, Math.max(whole ?? 0, from)), rows);
}

/** @param {Detail} detail */
function lost({ losses }) {
  if (!losses.length) return element("section", {}, element("h3", {}, "Losses"), element("p", {}, "None: the provider was asked for all that the client asked for."));
  const columns = [
    { title: "What", heading: true, show: (/** @type {import("./types.js").Loss} */ one) => element("code", {}, plain(one.field)) },
    { title: "Why", name: "wrap", show: (/** @type {import("./types.js").Loss} */ one) => plain(one.why) },
  ];
  return element("section", {}, element("h3", {}, several(losses.length, "loss", "losses")), table("Losses", columns, losses));
}

/** How the tokens add up. @param {Usage | null} usage */
function arithmetic(usage) {
  const heading = element("h3", {}, "Tokens");
  if (!usage) return element("section", {}, heading, element("p", {}, "The provider has not reported any."));
  /** @type {[string, number | null | string][]} */
  const parts = [["new", usage.input], ["read from a cache", usage.cache_read], ["put into a cache", usage.cache_write]];
  const lines = parts.filter(([, amount]) => amount !== null).map(([name, amount]) => ({ name: `${name}`, amount: Number(amount) }));
  const all = [...lines, { name: "= read", amount: read(usage) }, { name: "written", amount: usage.output }, ...(usage.reasoning ? [{ name: "of these, reasoning", amount: usage.reasoning }] : [])];
  const columns = [
    { title: "Tokens", heading: true, show: (/** @type {{name: string}} */ one) => one.name },
    { title: "Count", number: true, show: (/** @type {{amount: number | null}} */ one) => count(one.amount) },
  ];
  const about = usage.estimated ? element("p", {}, "≈ Estimated: the provider reported none, or not all.") : null;
  return element("section", {}, heading, table("Tokens", /** @type {import("./rows.js").Column<{name: string, amount: number | null}>[]} */ (columns), all), about, element("p", { class: "hint" }, "Prices are not known to the gateway yet: tokens only."));
}
