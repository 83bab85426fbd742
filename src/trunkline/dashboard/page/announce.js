// @ts-check
/** One polite voice for screen readers, which speaks every five seconds at most and then says the latest. */

import { element, say } from "./element.js";

const PAUSE = 5000;

export class Announcer {
  constructor() {
    this.element = element("div", { class: "away", role: "status", "aria-live": "polite" });
    this.next = "";
    this.timer = 0;
  }

  /** @param {string} text */
  tell(text) {
    this.next = text;
    if (this.timer) return;
    this.speak();
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      if (this.next) this.tell(this.next);
    }, PAUSE);
  }

  speak() {
    say(this.element, this.next);
    this.next = "";
  }
}
