// @ts-check
/** The log files of the background service. */

import { ask, get, query, told } from "./api.js";
import { element, fill } from "./element.js";
import { bytes, clock, count, moment, several } from "./format.js";
import { agreed, button, commandLine, copier, field, nothing, regularly, select, trouble } from "./parts.js";
import { here, keepFilter } from "./router.js";

/** @typedef {import("./types.js").LogFile} LogFile */
/** @typedef {import("./types.js").Place} Place */

const SHOWN = 1000;
const EVERY = 2;

/** @param {import("./types.js").App} app @param {Place} place */
export function view(app, place) {
  const logs = new Logs(app);
  logs.update(place);
  return { element: logs.element, update: (/** @type {Place} */ next) => logs.update(next), close: () => logs.end() };
}

class Logs {
  /** @param {import("./types.js").App} app */
  constructor(app) {
    this.app = app;
    /** @type {LogFile[]} */
    this.files = [];
    /** @type {string[]} */
    this.lines = [];
    this.read = "";
    this.choice = select([], "", { change: () => keepFilter("file", this.choice.value) });
    this.find = element("input", { type: "search", placeholder: "any text", input: () => keepFilter("find", this.find.value) });
    this.follow = element("input", { type: "checkbox", id: "follow", checked: true });
    this.count = element("p", { class: "count" });
    this.lost = element("div", {});
    this.text = element("ol", { class: "lines", tabindex: 0, "aria-label": "Lines of the log, the latest last" });
    const buttons = element("div", { class: "row" }, element("label", { class: "check", for: "follow" }, this.follow, " Follow"), copier("Copy as JSON", () => this.fitting().join("\n")), button("Empty this file", () => void this.empty(), { class: "small danger" }), this.count);
    this.bar = element("div", { class: "bar" }, field("File", this.choice), field("Find", this.find), buttons);
    this.element = element("div", { class: "stack logs" }, this.bar, this.lost, this.text);
    this.end = regularly(EVERY, () => this.look());
  }

  async look() {
    if (!this.follow.checked && this.read) return;
    try {
      this.files = await get("/api/logs/files");
      fill(this.lost);
      this.choices();
      const file = this.files.find((one) => one.name === this.choice.value);
      const state = file ? `${file.name} ${file.size} ${file.lastModified}` : "";
      if (file && state !== this.read) {
        this.lines = await get(query("/api/logs", { file: file.name }));
        this.read = state;
        this.paint();
      }
    } catch (error) {
      fill(this.lost, trouble(error));
    }
  }

  choices() {
    const wanted = here().filters.get("file") ?? "";
    const options = this.files.map((file) => element("option", { value: file.name }, `${file.name} · ${bytes(file.size)} · ${moment(file.lastModified)}`));
    const chosen = this.choice.value;
    fill(this.choice, options);
    this.choice.value = [wanted, chosen].find((name) => this.files.some((file) => file.name === name)) ?? this.files[0]?.name ?? "";
    const none = this.files.length === 0;
    this.bar.hidden = this.text.hidden = none;
    if (none) fill(this.lost, nothing("This gateway has no log files: it writes its lines to standard error.", element("p", {}, "One that runs in the background has them:"), commandLine("trunkline start")));
  }

  fitting() {
    const find = this.find.value.toLowerCase();
    return find ? this.lines.filter((line) => line.toLowerCase().includes(find)) : this.lines;
  }

  paint() {
    const fitting = this.fitting();
    const last = fitting.slice(-SHOWN);
    const atEnd = this.text.scrollHeight - this.text.scrollTop - this.text.clientHeight < 40;
    fill(this.text, last.map((line) => element("li", { class: toneOf(line) }, element("bdi", {}, readable(line)))));
    this.count.textContent = fitting.length > SHOWN ? `the last ${count(SHOWN)} of ${several(fitting.length, "line")}` : several(fitting.length, "line");
    if (atEnd || this.follow.checked) this.text.scrollTop = this.text.scrollHeight;
  }

  /** @param {Place} place */
  update(place) {
    const find = place.filters.get("find") ?? "";
    if (this.find.value !== find) this.find.value = find;
    this.paint();
    if ((place.filters.get("file") ?? this.choice.value) !== this.choice.value || !this.read.startsWith(this.choice.value)) {
      this.read = "";
      void this.look();
    }
  }

  async empty() {
    const name = this.choice.value;
    const question = { title: `Empty ${name}?`, body: ["Its lines are gone for good."], yes: "Empty it", dangerous: true };
    if (!(await agreed(question))) return;
    try {
      await ask("DELETE", query("/api/logs", { file: name }));
      this.app.notify(`${name} is empty.`);
      this.read = "";
      await this.look();
    } catch (error) {
      this.app.notify(told(error), "bad");
    }
  }
}

/** A line of JSON as people read it: the time, then what is known. Any other line is as it is. @param {string} line */
function readable(line) {
  try {
    const { time, ...fields } = JSON.parse(line);
    const known = Object.entries(fields).filter(([, value]) => value !== null);
    return [clock(time), ...known.map(([name, value]) => `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`)].join("  ");
  } catch {
    return line;
  }
}

/** What kind of line it is; only its look depends on it. @param {string} line */
function toneOf(line) {
  if (/"level":\s*"(ERROR|CRITICAL)"|"outcome":\s*"(error|truncated)"/.test(line)) return "bad";
  return /"level":\s*"WARNING"/.test(line) ? "warn" : null;
}
