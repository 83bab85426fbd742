// @ts-check
/** How providers are, model by model: what is asked, what rests, what went wrong last. */

import { get } from "./api.js";
import { element, fill } from "./element.js";
import { count, NOTHING, plain, several, span } from "./format.js";
import { badge, nothing, regularly, trouble } from "./parts.js";
import { linkTo } from "./router.js";
import { table } from "./rows.js";

/** @typedef {import("./types.js").Health} Health */

const EVERY = 3;

/** @param {import("./types.js").App} _app */
export function view(_app) {
  const content = element("div", { class: "stack" });
  let last = "";
  const look = async () => {
    try {
      /** @type {Health[]} */
      const targets = await get("/api/targets");
      const text = JSON.stringify(targets);
      if (text !== last) fill(content, shown(targets));
      last = text;
    } catch (error) {
      last = "";
      fill(content, trouble(error));
    }
  };
  return { element: content, close: regularly(EVERY, look) };
}

/** @param {Health[]} targets */
function shown(targets) {
  if (!targets.length) {
    return nothing("No provider was asked yet.", element("p", {}, "Their state is told here from the first request on. Credentials and connections can be checked before that:"), element("code", {}, "trunkline doctor"));
  }
  const bad = targets.filter((one) => stateOf(one)[0] !== "good").length;
  const sentence = bad ? `${several(bad, "model")} of ${targets.length} cannot be asked freely right now.` : `All ${several(targets.length, "model")} can be asked.`;
  return [element("p", { class: "lead" }, sentence), table("Providers and models", COLUMNS, targets)];
}

/** @type {import("./rows.js").Column<Health>[]} */
const COLUMNS = [
  { title: "Provider", show: (one) => element("bdi", {}, plain(one.provider)) },
  { title: "Model", heading: true, show: (one) => (one.model ? element("a", { href: linkTo("requests", "", { provider: one.provider, model: one.model }) }, element("bdi", {}, plain(one.model))) : "all") },
  { title: "State", show: (one) => badge(...stateOf(one)) },
  { title: "What that means", name: "wrap", show: meaning },
  { title: "Failures in a row", number: true, show: (one) => (one.failures ? count(one.failures) : NOTHING) },
  { title: "Waiting", number: true, show: (one) => (one.waiting ? count(one.waiting) : NOTHING) },
  { title: "Last error", name: "wrap", show: (one) => element("bdi", {}, plain(one.last_error)) },
];

/**
 * @param {Health} one
 * @returns {[import("./parts.js").Tone, string]}
 */
function stateOf(one) {
  if (one.state === "open") return ["bad", "not asked"];
  if (one.state === "half_open") return ["warn", "on trial"];
  if (one.credential_rests_seconds || one.rests_seconds) return ["warn", "resting"];
  return ["good", "asked"];
}

/** @param {Health} one */
function meaning(one) {
  const parts = [];
  if (one.state === "open") parts.push(`It failed too often. ${one.open_seconds ? `One request tries it again in ${span(one.open_seconds)}.` : "One request tries it again soon."}`);
  if (one.state === "half_open") parts.push("One request is trying it; the others go elsewhere until it has answered.");
  if (one.rests_seconds) parts.push(`The provider asked for a pause: ${span(one.rests_seconds)} to go.`);
  if (one.credential_rests_seconds) parts.push(`A key was refused or is used up: not used for ${span(one.credential_rests_seconds)}.`);
  if (one.waiting) parts.push(`${several(one.waiting, "request")} in line for it.`);
  return parts.join(" ") || (one.failures ? "Asked as usual; the last request failed." : "Asked as usual.");
}
