// @ts-check
/** What stands around every view: name, navigation, banners, the line that says what was done. */

import { Announcer } from "./announce.js";
import { element, fill } from "./element.js";
import { several, span } from "./format.js";
import { linkTo } from "./router.js";
import { badge, button, note, select } from "./parts.js";

/** @typedef {import("./types.js").Status} Status */

/** Views by name, in the order of the navigation. @type {[string, string][]} */
export const VIEWS = [
  ["requests", "Requests"],
  ["usage", "Usage"],
  ["health", "Health"],
  ["models", "Models & routing"],
  ["configuration", "Configuration"],
  ["logs", "Logs"],
  ["presets", "Presets"],
];
/** Milliseconds that a line stays which says what was done; one that says what failed stays until it is closed. */
const STAYS = 20_000;
/** Such lines at a time. */
const MOST = 3;

export class Shell {
  /** @param {() => void} signOut */
  constructor(signOut) {
    this.announcer = new Announcer();
    this.state = element("p", { class: "state" });
    this.leave = button("Sign out", signOut, { class: "quiet", hidden: true });
    this.links = VIEWS.map(([name, title]) => element("a", { href: linkTo(name), "data-view": name }, title));
    this.lost = element("div", { role: "status" });
    this.hints = element("div", { class: "banners" });
    this.toasts = element("div", { class: "toasts", role: "status", "aria-live": "polite" });
    this.main = element("main", { id: "main", tabindex: -1 });
    this.spoken = "";
    fill(document.body, this.skip(), this.header(), this.navigation(), this.middle(), this.toasts, this.announcer.element);
  }

  skip() {
    return button("Skip to the content", () => this.main.focus(), { class: "skip" });
  }

  header() {
    const mark = element("img", { alt: "", width: 22, height: 22 });
    mark.src = "icon.svg";
    const name = element("a", { class: "brand", href: linkTo("requests") }, mark, "Trunkline");
    return element("header", { class: "top" }, name, this.state, themeSwitch(), this.leave);
  }

  navigation() {
    return element("nav", { "aria-label": "Views" }, element("ul", {}, this.links.map((link) => element("li", {}, link))));
  }

  middle() {
    return element("div", { class: "middle" }, this.lost, this.hints, this.main);
  }

  /** Put a view where views are. @param {string} view @param {Node} content */
  show(view, content) {
    for (const link of this.links) {
      if (link.dataset.view === view) {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "nearest" }); // the navigation of narrow screens scrolls
      } else {
        link.removeAttribute("aria-current");
      }
    }
    const title = VIEWS.find(([name]) => name === view)?.[1] ?? "Sign in";
    document.title = `${title} · Trunkline`;
    document.body.dataset.view = view;
    fill(this.main, element("h1", { tabindex: -1 }, title), content);
  }

  /** Whether the gateway can be heard. @param {boolean} heard */
  heard(heard) {
    if (heard === (this.lost.childElementCount === 0)) return;
    const words = "The connection to the gateway is lost. Trying again; what is shown may be old.";
    fill(this.lost, heard ? null : note("bad", badge("bad", "Not connected"), " ", words));
  }

  /**
   * @param {Status} status
   * @param {() => void} apply
   */
  told(status, apply) {
    const live = `${status.live} live`;
    const parts = [badge(status.live ? "live" : "idle", live), element("span", { class: "wide" }, ` v${status.version} · ${location.host} · up ${span(status.uptime_seconds)}`)];
    fill(this.state, ...parts);
    const hints = [status.rehearsal && rehearsal(), status.config.changed && changed(apply), status.silent ? partly(status.silent) : null];
    const key = JSON.stringify([status.rehearsal, status.config.changed, status.silent]);
    if (key !== this.spoken) fill(this.hints, ...hints);
    this.spoken = key;
  }

  /** @param {string} text @param {"good" | "bad"} [kind] */
  notify(text, kind = "good") {
    const close = button("Close", () => line.remove(), { class: "small quiet" });
    const line = note(kind, badge(kind, kind === "good" ? "Done" : "Failed"), " ", text, " ", close);
    this.toasts.append(line);
    if (kind === "good") window.setTimeout(() => line.remove(), STAYS);
    while (this.toasts.childElementCount > MOST) this.toasts.firstElementChild?.remove();
  }

  /** @param {string} text */
  announce(text) {
    this.announcer.tell(text);
  }
}

const rehearsal = () =>
  note(
    "info",
    element("strong", {}, "Rehearsal. "),
    "No provider is configured: answers are recordings, and nothing is sent anywhere. ",
    element("a", { href: linkTo("configuration") }, "Add a provider"),
  );

/** @param {number} silent */
const partly = (silent) => note("warn", `${several(silent, "worker")} of this gateway cannot be heard: what is shown is not all there is.`);

/** @param {() => void} apply */
const changed = (apply) =>
  note("warn", element("strong", {}, "The configuration file differs from what runs. "), button("Apply it now", apply, { class: "small" }));

function themeSwitch() {
  const root = document.documentElement;
  const control = select([["", "System"], ["light", "Light"], ["dark", "Dark"]], root.dataset.theme ?? "", {
    "aria-label": "Theme",
    class: "quiet",
    change: () => {
      if (control.value) root.dataset.theme = control.value;
      else delete root.dataset.theme;
      keep(control.value);
    },
  });
  return control;
}

/** @param {string} theme */
function keep(theme) {
  try {
    localStorage.setItem("trunkline.theme", theme);
  } catch {
    return; // forbidden here: it holds until the page is left
  }
}
