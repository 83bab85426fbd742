// @ts-check
/** Getting in: by a ticket in the address, which `trunkline ui` puts there, or by the admin key. */

import { ask, Refused } from "./api.js";
import { element, fill } from "./element.js";
import { commandLine, during, field, trouble } from "./parts.js";

/** The ticket in the address, which is taken out of it at once and out of the history. */
export function takeTicket() {
  const match = /^#ticket=([^&]+)$/.exec(location.hash);
  if (!match) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return decodeURIComponent(match[1] ?? "");
}

/**
 * Whether a ticket opened the door; one that is used or old does not.
 * @param {string} ticket
 */
export async function redeem(ticket) {
  try {
    await ask("POST", "/api/session", { ticket });
    return true;
  } catch (error) {
    if (error instanceof Refused && error.status > 0) return false;
    throw error;
  }
}

/**
 * The form for the key.
 * @param {() => void} entered
 * @param {string} [why]
 */
export function signIn(entered, why) {
  const key = element("input", { type: "password", name: "key", autocomplete: "current-password", required: true, spellcheck: "false" });
  const enter = element("button", { type: "submit", class: "primary" }, "Sign in");
  const place = element("div", {});
  if (why) fill(place, trouble(new Error(why)));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    void during(enter, place, async () => {
      await ask("POST", "/api/session", { key: key.value });
      key.value = "";
      entered();
    });
  };
  const form = element("form", { submit, class: "stack" }, field("Admin key", key, "server.admin_key of the configuration, or TRUNKLINE_ADMIN_KEY. Keys of clients do not open this page."), place, element("div", { class: "row" }, enter));
  const hint = element("p", {}, "On the gateway's own machine this command opens the page without asking for the key:");
  return element("section", { class: "card narrow stack" }, form, hint, commandLine("trunkline ui"));
}
