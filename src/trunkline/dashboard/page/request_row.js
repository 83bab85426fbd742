// @ts-check
/** One request as a row. Its cells are made once and written to: a live row changes in place. */

import { element, fill, say } from "./element.js";
import { clock, count, NOTHING, percent, plain, read, seconds, short } from "./format.js";
import { badge, button } from "./parts.js";
import { linkTo } from "./router.js";

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").Place} Place */

const none = () => null;
/** @type {import("./rows.js").Column<Row>[]} */
export const COLUMNS = [
  { title: "Time", name: "at", show: none },
  { title: "State", name: "how", show: none },
  { title: "Agent, session", name: "who", show: none },
  { title: "Asked → answered by", name: "what", show: none },
  { title: "Why", name: "why", show: none },
  { title: "Tries", number: true, show: none },
  { title: "First byte", number: true, show: none },
  { title: "Took", name: "took", number: true, show: none },
  { title: "Read", name: "in", number: true, show: none },
  { title: "Written", number: true, show: none },
  { title: "Losses", number: true, show: none },
];

/**
 * @param {Row} item
 * @param {() => Place} here
 */
export function makeRow(item, here) {
  const link = element("a", { href: "#" });
  // The filters may be others by the time that it is followed.
  const address = () => link.setAttribute("href", linkTo("requests", item.id, here().filters));
  link.addEventListener("focus", address);
  link.addEventListener("mouseover", address);
  link.addEventListener("click", address);
  const cells = COLUMNS.map((column, index) => {
    const dress = [column.name, column.number && "number"].filter(Boolean).join(" ") || null;
    const attributes = { class: dress, "data-title": column.title };
    return index === 0 ? element("th", { role: "rowheader", scope: "row", ...attributes }, link) : element("td", { role: "cell", ...attributes });
  });
  address();
  return element("tr", { role: "row", id: `r-${item.id}` }, cells);
}

/**
 * @param {HTMLTableRowElement} line
 * @param {Row} row
 * @param {(id: string) => void} cancel
 */
export function changeRow(line, row, cancel) {
  const [at, how, who, what, why, tries, first, took, into, out, losses] = /** @type {HTMLTableCellElement[]} */ ([...line.cells]);
  const link = at?.querySelector("a");
  if (!at || !how || !who || !what || !why || !tries || !first || !took || !into || !out || !losses || !link) return;
  line.dataset.state = row.state;
  line.dataset.at = row.at;
  say(link, clock(row.at));
  fill(how, stateOf(row), row.state === "live" ? button("Cancel", () => cancel(row.id), { class: "small", "aria-label": `Cancel the request of ${clock(row.at)}` }) : null);
  two(who, plain((row.agent ?? row.client)?.split(" (", 1)[0]), row.session ? plain(row.session) : "");
  two(what, plain(row.asked), row.provider ? `→ ${plain(row.provider)}/${plain(row.model)}` : "");
  say(why, plain(row.route));
  say(tries, row.attempts ? count(row.attempts) : NOTHING);
  say(first, seconds(row.first_byte));
  say(took, row.state === "live" ? elapsed(row.at) : seconds(row.seconds));
  usage(into, out, row);
  say(losses, row.losses ? count(row.losses) : NOTHING);
}

/** A line above, a quieter one below. @param {HTMLElement} cell @param {string} above @param {string} below */
function two(cell, above, below) {
  if (cell.dataset.shown === `${above}\n${below}`) return;
  cell.dataset.shown = `${above}\n${below}`;
  fill(cell, element("bdi", { title: above }, above), below ? element("small", {}, element("bdi", { title: below }, below)) : null);
}

/** @param {HTMLElement} into @param {HTMLElement} out @param {Row} row */
function usage(into, out, row) {
  const all = read(row.usage);
  const about = row.usage?.estimated ? "≈" : "";
  const cached = row.usage?.cache_read && all ? `${percent(row.usage.cache_read, all)} cached` : "";
  two(into, all === null ? NOTHING : about + short(all), cached);
  say(out, row.usage?.output === null || !row.usage ? NOTHING : about + short(row.usage.output));
}

/** @param {Row | import("./types.js").Detail} row */
export function stateOf(row) {
  if (row.state === "live") return badge("live", "live");
  const word = [row.outcome ?? "ended", row.status].filter(Boolean).join(" ").replaceAll("_", " ");
  if (row.outcome === "ok") return badge("good", word);
  return badge(row.outcome === "error" || row.outcome === "truncated" ? "bad" : "warn", word);
}

/** @param {string} at */
const elapsed = (at) => seconds(Math.max(0, Math.floor((Date.now() - Date.parse(at)) / 1000) || 0)).replace(/\.0+ s$/, " s");

/** Let the clocks of live rows go on. @param {HTMLElement} body */
export function tick(body) {
  for (const line of body.querySelectorAll("tr[data-state=live]")) {
    const took = line.querySelector(".took");
    if (took && line instanceof HTMLElement) say(took, elapsed(line.dataset.at ?? ""));
  }
}
