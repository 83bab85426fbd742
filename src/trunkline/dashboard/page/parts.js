// @ts-check
/** The small pieces that every view is made of. */

import { element, fill } from "./element.js";
import { told } from "./api.js";

/** @typedef {import("./element.js").Child} Child */
/** @typedef {import("./element.js").Attributes} Attributes */

/** @typedef {"good" | "live" | "warn" | "bad" | "idle"} Tone */
/** A shape for each tone: nobody has to tell colours apart. @type {Record<Tone, string>} */
const SHAPES = { good: "●", live: "◐", warn: "▲", bad: "■", idle: "○" };

/**
 * A state as shape and word.
 * @param {Tone} tone
 * @param {string} word
 */
export const badge = (tone, word) =>
  element("span", { class: `badge ${tone}` }, element("span", { class: "shape", "aria-hidden": "true" }, SHAPES[tone]), " ", word);

/**
 * @param {string} label
 * @param {(event: MouseEvent) => void} click
 * @param {Attributes} [attributes]
 */
export const button = (label, click, attributes = {}) => element("button", { type: "button", click, ...attributes }, label);

/**
 * A labelled input. `hint` is read with it.
 * @param {string} label
 * @param {HTMLElement} control
 * @param {string} [hint]
 */
export function field(label, control, hint) {
  control.id ||= unique();
  const more = hint ? element("small", { id: `${control.id}-hint`, class: "hint" }, hint) : null;
  if (more) control.setAttribute("aria-describedby", more.id);
  return element("div", { class: "field" }, element("label", { for: control.id }, label), control, more);
}

/**
 * @param {string[] | [string, string][]} options  values, or values and their labels
 * @param {string} chosen
 * @param {Attributes} [attributes]
 */
export function select(options, chosen, attributes = {}) {
  const pairs = options.map((option) => (Array.isArray(option) ? option : [option, option]));
  const items = pairs.map(([value, label]) => element("option", { value: value ?? "", selected: value === chosen }, label));
  return element("select", attributes, items);
}

/**
 * Facts about one thing.
 * @param {[string, Child][]} facts
 */
export const factList = (facts) =>
  element("dl", { class: "facts" }, facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));

/**
 * What is shown where there is nothing: why, and what to do next.
 * @param {string} title
 * @param {...Child} more
 */
export const nothing = (title, ...more) => element("div", { class: "nothing" }, element("p", { class: "lead" }, title), ...more);

/**
 * A line to copy into a shell.
 * @param {string} text
 */
export const commandLine = (text) => element("div", { class: "command" }, element("code", {}, text), copier("Copy", () => text));

/**
 * A button that copies, and says that it did.
 * @param {string} label
 * @param {() => string} text
 */
export function copier(label, text) {
  const made = button(label, async () => {
    const done = await copied(text());
    made.textContent = done ? "Copied" : "Select and copy by hand";
  });
  // It says so until one turns to something else: nothing here has to be read in time.
  made.addEventListener("blur", () => (made.textContent = label));
  made.classList.add("small");
  made.setAttribute("aria-live", "polite");
  return made;
}

/** @param {string} text */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedByHand(text);
  }
}

/** Where the page is not served as secure, as over plain HTTP from elsewhere. @param {string} text */
function copiedByHand(text) {
  const area = element("textarea", { class: "away", "aria-hidden": "true", value: text });
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

/**
 * Run `work` with the button off; what goes wrong is told in `place`.
 * @param {HTMLButtonElement} pressed
 * @param {HTMLElement} place
 * @param {() => Promise<void>} work
 */
export async function during(pressed, place, work) {
  pressed.disabled = true;
  fill(place);
  try {
    await work();
  } catch (error) {
    fill(place, trouble(error));
  } finally {
    pressed.disabled = false;
  }
}

/** @param {unknown} error */
export const trouble = (error) => element("p", { class: "note bad", role: "alert" }, badge("bad", "Error"), " ", told(error));

/**
 * @param {"good" | "warn" | "bad" | "info"} kind
 * @param {...Child} children
 */
export const note = (kind, ...children) => element("div", { class: `note ${kind}` }, ...children);

/**
 * Do something now and every so many seconds while the page is looked at. Returns what ends it.
 * @param {number} seconds
 * @param {() => unknown} work
 * @returns {() => void}
 */
export function regularly(seconds, work) {
  const timer = window.setInterval(() => document.hidden || work(), seconds * 1000);
  work();
  return () => window.clearInterval(timer);
}

/**
 * Ask before something that cannot be taken back, or that is worth another look.
 * @param {{title: string, body: Child[], yes: string, dangerous?: boolean}} question
 * @returns {Promise<boolean>}
 */
export function agreed({ title, body, yes, dangerous = false }) {
  const heading = element("h2", { id: unique() }, title);
  const form = element(
    "form",
    { method: "dialog" },
    heading,
    ...body,
    element(
      "div",
      { class: "row end" },
      element("button", { value: "no", autofocus: dangerous }, "Cancel"),
      element("button", { value: "yes", class: dangerous ? "danger" : "primary", autofocus: !dangerous }, yes),
    ),
  );
  const dialog = element("dialog", { "aria-labelledby": heading.id }, form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
  });
}

let made = 0;

/** An id that nothing else in the page has. */
export const unique = () => `x${(made += 1)}`;
