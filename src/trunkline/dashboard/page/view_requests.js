// @ts-check
/** Requests in flight and those that ended last, as it happens. */

import { ask, get, query, told } from "./api.js";
import { element, fill, say } from "./element.js";
import { plain, several } from "./format.js";
import { button, commandLine, field, nothing, regularly, select, trouble } from "./parts.js";
import { keepFilter, linkTo } from "./router.js";
import { emptyTable, Rows } from "./rows.js";
import { asked, FILTERS, KEPT, RequestStore } from "./requests_store.js";
import { changeRow, COLUMNS, makeRow, tick } from "./request_row.js";
import { detailPanel } from "./request_detail.js";

/** @typedef {import("./types.js").App} App */
/** @typedef {import("./types.js").Place} Place */
/** @typedef {import("./types.js").Row} Row */

/** @param {App} app @param {Place} place */
export function view(app, place) {
  const list = new RequestList(app);
  list.update(place);
  void list.load();
  return { element: list.element, update: (/** @type {Place} */ next) => list.update(next), close: () => list.close() };
}

class RequestList {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.store = new RequestStore();
    /** @type {Place} */
    this.place = { view: "requests", rest: "", filters: new URLSearchParams() };
    this.paused = false;
    this.held = 0;
    this.loaded = false;
    /** Which asking for the list is the latest. */
    this.turn = 0;
    /** Values of each filter that have occurred, whatever is shown now. @type {Map<string, Set<string>>} */
    this.seen = new Map();
    /** Rows that came since the list was last asked for. @type {Row[]} */
    this.since = [];
    this.error = element("div", {});
    this.controls = new Map(FILTERS.map((name) => [name, this.filter(name)]));
    this.find = element("input", { type: "search", placeholder: "any text", input: () => keepFilter("find", this.find.value) });
    this.pause = button("Pause", () => this.hold(!this.paused), { "aria-pressed": "false" });
    this.count = element("p", { class: "count" });
    const { frame, body } = emptyTable("Requests, live ones first", COLUMNS);
    this.frame = frame;
    this.rows = new Rows(body, (/** @type {Row} */ row) => row.id, (row) => makeRow(row, () => this.place), (line, row) => changeRow(line, row, (id) => void this.cancel(id)));
    this.empty = element("div", {});
    this.detail = detailPanel(app, () => this.closeDetail());
    this.element = element("div", { class: "requests" }, element("div", { class: "list" }, this.bar(), this.error, this.frame, this.empty), this.detail.element);
    this.ends = [app.feed.listen((rows) => this.take(rows), () => void this.load()), regularly(1, () => tick(body))];
  }

  bar() {
    const filters = [...this.controls].map(([name, control]) => field(NAMES[name] ?? name, control));
    filters.forEach((filter) => filter.classList.add("filter"));
    const more = button("Filters", () => more.setAttribute("aria-expanded", String(bar.classList.toggle("all"))), { class: "narrow", "aria-expanded": "false" });
    const clear = button("Clear", () => this.clear(), { class: "quiet" });
    const bar = element("div", { class: "bar", role: "search", "aria-label": "Filters" }, field("Find", this.find), filters, element("div", { class: "row" }, more, clear, this.pause), this.count);
    return bar;
  }

  /** @param {string} name */
  filter(name) {
    const control = select([["", "all"]], "", { change: () => keepFilter(name, control.value) });
    return control;
  }

  clear() {
    location.hash = linkTo("requests", this.place.rest);
    this.find.value = "";
  }

  async load() {
    try {
      // What comes while the answer is under way may be newer than it: it is taken again on top.
      const mine = (this.turn += 1);
      this.since = [];
      const answer = await get(query("/api/requests", { limit: KEPT, ...asked(this.place.filters) }));
      if (mine !== this.turn) return; // other filters were asked for meanwhile
      this.store.reset(answer);
      this.store.take(this.since);
      this.loaded = true;
      fill(this.error);
      if (!this.paused) this.paint();
    } catch (error) {
      fill(this.error, trouble(error));
    }
  }

  /** @param {Row[]} rows */
  take(rows) {
    this.store.take(rows);
    this.since = [...this.since, ...rows].slice(-KEPT * 5);
    this.held += rows.length;
    if (this.paused) this.told();
    else this.paint();
    const failed = rows.filter((row) => row.state === "ended" && row.outcome !== "ok").length;
    if (failed) this.app.announce(`${several(failed, "request")} failed`);
    if (rows.some((row) => row.id === this.place.rest && row.state === "ended")) this.detail.show(this.place.rest);
  }

  /** @param {boolean} paused */
  hold(paused) {
    this.paused = paused;
    this.pause.textContent = paused ? "Go on" : "Pause";
    this.pause.setAttribute("aria-pressed", String(paused));
    if (!paused) this.paint();
    this.told();
  }

  paint() {
    this.held = 0;
    const rows = this.store.rows(this.place.filters);
    this.rows.show(rows);
    this.options();
    this.frame.hidden = rows.length === 0;
    const why = rows.length ? "" : this.store.live.size + this.store.ended.length ? "filters" : this.loaded ? "none" : "";
    if (this.empty.dataset.why !== why) fill(this.empty, why ? this.whyEmpty() : null);
    this.empty.dataset.why = why;
    for (const line of this.rows.body.children) line.toggleAttribute("data-open", line.id === `r-${this.place.rest}`);
    this.told();
  }

  told() {
    const live = this.store.live.size;
    const waiting = this.paused && this.held ? ` · paused, ${several(this.held, "change")} waiting` : this.paused ? " · paused" : "";
    say(this.count, `${live} live · ${several(this.rows.known.size, "request")} shown${waiting}`);
  }

  /** Offer what occurs; a filter that is set stays even when nothing fits it. */
  options() {
    for (const [name, control] of this.controls) {
      const chosen = this.place.filters.get(name) ?? "";
      const extra = name === "outcome" ? ["failed"] : [];
      const seen = this.seen.get(name) ?? new Set();
      this.store.values(name).forEach((value) => seen.size < KEPT && seen.add(value));
      this.seen.set(name, seen);
      const values = [...new Set(["", ...extra, ...[...seen].sort(), chosen])];
      const known = [...control.options].map((option) => option.value);
      if (known.join("\n") !== values.join("\n")) {
        fill(control, values.map((value) => element("option", { value }, value === "" ? "all" : plain(value))));
      }
      if (control.value !== chosen) control.value = chosen;
    }
  }

  whyEmpty() {
    if (this.store.live.size + this.store.ended.length) return nothing("No request fits these filters.", button("Clear the filters", () => this.clear()));
    return nothing(
      "No request yet.",
      element("p", {}, "Start Claude Code through the gateway:"),
      commandLine("trunkline launch claude"),
      element("p", {}, "or point one at it by hand:"),
      commandLine(`ANTHROPIC_BASE_URL=${location.origin} ANTHROPIC_AUTH_TOKEN=any claude`),
    );
  }

  /** @param {Place} place */
  update(place) {
    const other = place.rest !== this.place.rest;
    const more = JSON.stringify(asked(place.filters)) !== JSON.stringify(asked(this.place.filters));
    this.place = place;
    const find = place.filters.get("find") ?? "";
    if (this.find.value !== find) this.find.value = find;
    this.paint();
    this.element.classList.toggle("open", place.rest !== "");
    if (other) this.detail.show(place.rest);
    if (more) void this.load(); // rows that fit may be further back than those that are here
  }

  closeDetail() {
    const line = document.getElementById(`r-${this.place.rest}`);
    location.hash = linkTo("requests", "", this.place.filters);
    line?.querySelector("a")?.focus();
  }

  /** @param {string} id */
  async cancel(id) {
    try {
      await ask("DELETE", `/api/requests/${encodeURIComponent(id)}`);
      this.app.notify("The request is cancelled: its client was told.");
    } catch (error) {
      this.app.notify(told(error), "bad");
    }
  }

  close() {
    this.ends.forEach((end) => end());
  }
}

/** @type {Record<string, string>} */
const NAMES = { provider: "Provider", model: "Model", agent: "Agent", session: "Session", route: "Why", outcome: "Outcome" };
