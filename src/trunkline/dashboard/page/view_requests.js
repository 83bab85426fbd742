// @ts-check
/** Requests in flight and those that ended last, as it happens. */

import { ask, get, query, told } from "./api.js";
import { element, fill, say } from "./element.js";
import { plain, several } from "./format.js";
import { button, commandLine, field, nothing, regularly, select, trouble } from "./parts.js";
import { keepFilter, linkTo } from "./router.js";
import { emptyTable, Rows } from "./rows.js";
import { FILTERS, KEPT, RequestStore } from "./requests_store.js";
import { changeRow, COLUMNS, makeRow, tick } from "./request_row.js";
import { detailPanel } from "./request_detail.js";

/** @typedef {import("./types.js").App} App */
/** @typedef {import("./types.js").Place} Place */
/** @typedef {import("./types.js").Row} Row */

/** @param {App} app @param {Place} place */
export function view(app, place) {
  const list = new RequestList(app);
  list.update(place);
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
    void this.load();
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
      this.since = [];
      this.store.reset(await get(query("/api/requests", { limit: KEPT })));
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
    if (rows.length) fill(this.empty);
    else if (this.loaded && !this.empty.childElementCount) fill(this.empty, this.whyEmpty());
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
      const values = [...new Set(["", ...extra, ...this.store.values(name), chosen])];
      const known = [...control.options].map((option) => option.value);
      if (known.join("\n") !== values.join("\n")) {
        fill(control, values.map((value) => element("option", { value }, value === "" ? "all" : plain(value))));
      }
      if (control.value !== chosen) control.value = chosen;
    }
  }

  whyEmpty() {
    if (this.store.live.size + this.store.ended.length) return nothing("No request fits these filters.", button("Clear the filters", () => this.clear()));
    const address = this.app.status()?.address ?? location.origin;
    return nothing(
      "No request yet.",
      element("p", {}, "Start Claude Code through the gateway:"),
      commandLine("trunkline launch claude"),
      element("p", {}, "or point one at it by hand:"),
      commandLine(`ANTHROPIC_BASE_URL=${address.includes("://") ? address : `http://${address}`} ANTHROPIC_AUTH_TOKEN=any claude`),
    );
  }

  /** @param {Place} place */
  update(place) {
    const other = place.rest !== this.place.rest;
    this.place = place;
    const find = place.filters.get("find") ?? "";
    if (this.find.value !== find) this.find.value = find;
    fill(this.empty);
    this.paint();
    this.element.classList.toggle("open", place.rest !== "");
    if (other) this.detail.show(place.rest);
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
