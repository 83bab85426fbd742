// @ts-check
/** The configuration file as text: line numbers, what is wrong by line, and what a save would change before it is done. */

import { ask, get, Refused } from "./api.js";
import { drafts } from "./drafts.js";
import { element, fill } from "./element.js";
import { plain, several } from "./format.js";
import { badge, button, during, field, note, trouble } from "./parts.js";

/** @typedef {import("./types.js").Checked} Checked */
/** @typedef {import("./types.js").Finding} Finding */

export class ConfigText {
  /** @param {import("./types.js").App} app */
  constructor(app) {
    this.app = app;
    this.area = element("textarea", { spellcheck: "false", wrap: "off", autocapitalize: "off", input: () => this.typed(), scroll: () => this.scrolled(), keydown: (event) => this.key(event) });
    this.gutter = element("pre", { class: "gutter", "aria-hidden": "true" });
    this.results = element("div", { class: "stack", "aria-live": "polite" });
    this.place = element("div", {});
    this.check = button("Check", () => void this.review(this.check, false));
    this.save = button("Save", () => void this.review(this.save, true), { class: "primary" });
    this.renew = button("Save and apply", () => void this.review(this.renew, true, true));
    this.head = element("div", {});
    this.editor = element("div", { class: "editor" }, this.gutter, this.area);
    this.element = element("div", { class: "stack" });
  }

  changed() {
    return drafts.text !== null && drafts.text.draft !== drafts.text.file.text;
  }

  async look() {
    try {
      if (!drafts.text || !this.changed()) {
        const file = await get("/api/config/text");
        drafts.text = { file, draft: file.text };
      }
      this.show();
    } catch (error) {
      fill(this.element, trouble(error));
    }
  }

  show() {
    if (!drafts.text) return;
    const { file, draft } = drafts.text;
    const read = file.writable ? null : note("info", file.kind === "environment" ? "This is what is in force. It comes from no file that could be edited here." : "This file is not edited here: change it where it is, then run trunkline reload.");
    this.area.value = draft;
    this.area.readOnly = !file.writable;
    const label = field(file.path ?? "In force", this.editor);
    label.querySelector("label")?.setAttribute("for", (this.area.id ||= "config-text"));
    const buttons = file.writable ? element("div", { class: "row sticky" }, this.save, this.renew, this.check, button("Undo all changes", () => void this.undo(), { class: "quiet" })) : null;
    const hint = element("p", { class: "hint" }, file.writable ? "Secrets are shown as ****: what stays so is kept. Tab leaves the editor." : "Secrets are shown as ****.");
    fill(this.element, read, hint, label, this.place, this.results, buttons);
    this.number([]);
  }

  typed() {
    if (drafts.text) drafts.text.draft = this.area.value;
    this.number([]);
  }

  scrolled() {
    this.gutter.scrollTop = this.area.scrollTop;
  }

  /** The usual key for saving. @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "s" && (event.ctrlKey || event.metaKey) && !this.area.readOnly) {
      event.preventDefault();
      void this.review(this.save, true);
    }
  }

  /** Write the line numbers; those of findings stand out. @param {number[]} wrong */
  number(wrong) {
    const lines = this.area.value.split("\n").length;
    const marked = new Set(wrong);
    fill(this.gutter, Array.from({ length: lines }, (_, index) => element("span", { class: marked.has(index + 1) ? "wrong" : null }, String(index + 1))));
    this.scrolled();
  }

  async undo() {
    drafts.text = null;
    fill(this.results);
    fill(this.place);
    await this.look();
  }

  /**
   * Have the text checked; then, if wanted and right, show what changes and save it.
   * @param {HTMLButtonElement} pressed
   * @param {boolean} save
   * @param {boolean} [apply]
   */
  async review(pressed, save, apply = false) {
    await during(pressed, this.place, async () => {
      const checked = await this.send(true);
      this.tell(checked);
      if (!save || checked.findings.length) return;
      if (!checked.diff) {
        this.result(note("info", "Nothing is changed."));
        return;
      }
      const yes = button(apply ? "Write this and apply" : "Write this", () => void this.write(yes, apply), { class: "primary" });
      this.result(note("good", "It can be started on. This would change:"), difference(checked.diff), element("div", { class: "row" }, yes, button("Go on editing", () => this.back())));
      yes.focus();
    });
  }

  back() {
    fill(this.results);
    this.area.focus();
  }

  /** @param {HTMLButtonElement} pressed @param {boolean} apply */
  async write(pressed, apply) {
    await during(pressed, this.place, async () => {
      const checked = await this.send(false);
      this.tell(checked);
      if (!checked.saved) return;
      await Promise.all([this.undo(), this.app.refresh()]);
      this.app.notify(apply ? "Saved." : "Saved. The gateway runs on what was there before until you apply it.");
      if (apply) await this.app.apply();
    });
  }

  /** @param {boolean} check @returns {Promise<Checked>} */
  async send(check) {
    try {
      return await ask("POST", "/api/config/text", { text: this.area.value, version: drafts.text?.file.version, check });
    } catch (error) {
      if (error instanceof Refused && error.status === 409) {
        throw new Refused(409, "The file was changed by somebody else since you opened it. Nothing was saved and your text is still here: copy what you need, then choose “Undo all changes” to see the file as it is now.");
      }
      throw error;
    }
  }

  /** @param {Checked} checked */
  tell({ findings, diff }) {
    this.number(findings.flatMap(({ line }) => line ?? []));
    if (!findings.length) {
      this.result(note("good", "It can be started on."), diff ? difference(diff) : null);
      return;
    }
    this.result(element("h2", {}, `${several(findings.length, "finding")}: not saved`), element("ul", { class: "findings" }, findings.map((one) => element("li", {}, this.finding(one)))));
  }

  /** Show something below the editor, and where that is. @param {...import("./element.js").Child} children */
  result(...children) {
    fill(this.results, ...children);
    this.results.scrollIntoView({ block: "nearest" });
  }

  /** @param {Finding} finding */
  finding({ line, key, problem }) {
    const where = line ? button(`Line ${line}`, () => this.goTo(line), { class: "small" }) : null;
    return [badge("bad", "Error"), " ", where, " ", key ? element("code", {}, plain(key)) : null, " ", plain(problem)];
  }

  /** @param {number} line */
  goTo(line) {
    const lines = this.area.value.split("\n");
    const from = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
    this.area.focus();
    this.area.setSelectionRange(from, from + (lines[line - 1]?.length ?? 0));
    this.area.scrollTop = (line - 5) * Number.parseFloat(getComputedStyle(this.area).lineHeight);
  }
}

/** A unified diff, each line with its sign and its look. @param {string} diff */
function difference(diff) {
  /** @type {Record<string, string>} */
  const looks = { "+": "added", "-": "removed", "@": "where" };
  const lines = diff.replace(/\n$/, "").split("\n");
  return element("pre", { class: "diff", tabindex: 0, role: "region", "aria-label": "What changes" }, lines.map((line) => element("span", { class: /^(\+\+\+|---)/.test(line) ? "where" : (looks[line[0] ?? ""] ?? null) }, `${line}\n`)));
}
