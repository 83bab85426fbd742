// @ts-check
/** What was used since the gateway began: in all, by what, and by minute. */

import { get, query } from "./api.js";
import { LAYERS, tokenChart } from "./chart.js";
import { element, fill } from "./element.js";
import { count, minute, moment, NOTHING, percent, plain, read, seconds, short } from "./format.js";
import { nothing, regularly, trouble } from "./parts.js";
import { linkTo } from "./router.js";
import { table } from "./rows.js";

/** @typedef {import("./types.js").Group} Group */
/** @typedef {import("./types.js").Totals} Totals */
/** @typedef {import("./types.js").Place} Place */

/** @type {[string, string][]} */
const BY = [["model", "Model"], ["provider", "Provider"], ["agent", "Agent"], ["session", "Session"], ["route", "Route"]];
const EVERY = 5;

/** @param {import("./types.js").App} _app @param {Place} place */
export function view(_app, place) {
  let by = chosen(place);
  let last = "";
  const tabs = element("ul", { class: "tabs" });
  const content = element("div", { class: "stack" });
  const look = async () => {
    const asked = by;
    try {
      /** @type {Totals} */
      const totals = await get(query("/api/totals", { by: asked }));
      const text = JSON.stringify(totals);
      // What has not changed is left alone, with whatever is selected or open in it.
      if (asked !== by || text === last) return;
      last = text;
      const open = content.querySelector("details")?.open ?? false;
      fill(content, shown(totals, asked, open, document.getElementById("main")?.clientWidth ?? 0));
    } catch (error) {
      last = "";
      fill(content, trouble(error));
    }
  };
  const links = () => BY.map(([name, title]) => element("li", {}, element("a", { href: linkTo("usage", "", { by: name }), "aria-current": name === by ? "true" : null }, `By ${title.toLowerCase()}`)));
  fill(tabs, links());
  const stop = regularly(EVERY, look);
  const update = (/** @type {Place} */ next) => {
    by = chosen(next);
    for (const link of tabs.querySelectorAll("a")) link.toggleAttribute("aria-current", false);
    tabs.querySelectorAll("a")[BY.findIndex(([name]) => name === by)]?.setAttribute("aria-current", "true");
    void look();
  };
  return { element: element("div", { class: "stack" }, element("nav", { "aria-label": "Group by" }, tabs), content), update, close: stop };
}

/** @param {Place} place */
const chosen = (place) => BY.find(([name]) => name === place.filters.get("by"))?.[0] ?? "model";

/**
 * @param {Totals} totals
 * @param {string} by
 * @param {boolean} open
 * @param {number} width
 */
function shown(totals, by, open, width) {
  if (!totals.totals.requests) return nothing("Nothing was used yet.", element("p", {}, "Numbers appear with the first request that is over. ", element("a", { href: linkTo("requests") }, "How to send one")));
  const title = BY.find(([name]) => name === by)?.[1] ?? by;
  return [
    element("p", { class: "hint" }, `Since ${moment(totals.since)}. Tokens as providers report them, ≈ where the gateway had to estimate. Prices are not known yet, so no cost is shown.`),
    cards(totals.totals),
    element("section", { class: "card" }, element("h2", {}, "Tokens by minute"), tokenChart(totals.minutes, width), dataOf(totals, open)),
    element("section", { class: "stack" }, element("h2", {}, `By ${title.toLowerCase()}`), table(`Usage by ${title.toLowerCase()}`, columns(title, by), totals.groups)),
  ];
}

/** @param {Group} totals */
function cards(totals) {
  const all = read(totals);
  /** @type {[string, string, string][]} */
  const facts = [
    ["Requests", count(totals.requests), `${count(totals.errors)} failed`],
    ["Tokens read", short(all), `${count(all)} in all`],
    ["Tokens written", short(totals.output), totals.reasoning ? `${short(totals.reasoning)} of them reasoning` : `${count(totals.output)} in all`],
    ["From caches", percent(totals.cache_read ?? 0, all ?? 0), `${short(totals.cache_read)} of the tokens read`],
    ["First byte", seconds(totals.first_byte.p50), `95 % within ${seconds(totals.first_byte.p95)}`],
    ["Whole answer", seconds(totals.seconds.p50), `95 % within ${seconds(totals.seconds.p95)}`],
  ];
  return element("dl", { class: "cards" }, facts.map(([name, value, more]) => element("div", { class: "card" }, element("dt", {}, name), element("dd", {}, element("b", {}, value), element("small", {}, more)))));
}

/**
 * The chart's data as a table.
 * @param {Totals} totals
 * @param {boolean} open
 */
function dataOf(totals, open) {
  /** @type {import("./rows.js").Column<import("./types.js").Minute>[]} */
  const columns = [
    { title: "Minute", heading: true, show: (one) => minute(one.at) },
    { title: "Requests", number: true, show: (one) => count(one.requests) },
    { title: "Failed", number: true, show: (one) => count(one.errors) },
    ...LAYERS.map(([key, label]) => ({ title: label, number: true, show: (/** @type {import("./types.js").Minute} */ one) => count(one[key]) })),
  ];
  const busy = totals.minutes.filter((one) => one.requests > 0);
  return element("details", { open }, element("summary", {}, "Data table"), table("Tokens by minute", columns, busy));
}

/**
 * @param {string} title
 * @param {string} by
 * @returns {import("./rows.js").Column<Group & {estimated?: boolean}>[]}
 */
function columns(title, by) {
  return [
    { title, heading: true, show: (one) => (one.name ? element("a", { href: linkTo("requests", "", { [by]: one.name }) }, element("bdi", {}, plain(one.name))) : "not told") },
    { title: "Requests", number: true, show: (one) => count(one.requests) },
    { title: "Failed", number: true, show: (one) => (one.errors ? count(one.errors) : NOTHING) },
    { title: "Read", number: true, show: (one) => about(one) + count(read(one)) },
    { title: "Cached", number: true, show: (one) => percent(one.cache_read ?? 0, read(one) ?? 0) },
    { title: "Written", number: true, show: (one) => about(one) + count(one.output) },
    { title: "Reasoning", number: true, show: (one) => (one.reasoning ? count(one.reasoning) : NOTHING) },
    { title: "First byte p50 / p95", number: true, show: (one) => `${seconds(one.first_byte.p50)} / ${seconds(one.first_byte.p95)}` },
    { title: "Took p50 / p95", number: true, show: (one) => `${seconds(one.seconds.p50)} / ${seconds(one.seconds.p95)}` },
  ];
}

/** @param {{estimated?: boolean}} one */
const about = (one) => (one.estimated ? "≈" : "");
