// @ts-check
/** Where the page begins: who may see it, which view is shown, and what all views share. */

import { ask, get, Refused, told, watch } from "./api.js";
import { Feed } from "./feed.js";
import { plain } from "./format.js";
import { FIRST, here } from "./router.js";
import { agreed, regularly } from "./parts.js";
import { Shell } from "./shell.js";
import { redeem, signIn, takeTicket } from "./sign_in.js";

/** @typedef {import("./types.js").App} App */
/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").Status} Status */

const EVERY = 10;
/** Views are loaded when first looked at. @type {Record<string, () => Promise<{view: (app: App, place: import("./types.js").Place) => View}>>} */
const LOAD = {
  requests: () => import("./view_requests.js"),
  usage: () => import("./view_usage.js"),
  health: () => import("./view_health.js"),
  models: () => import("./view_models.js"),
  configuration: () => import("./view_configuration.js"),
  logs: () => import("./view_logs.js"),
  presets: () => import("./view_presets.js"),
};

const feed = new Feed();
const shell = new Shell(() => void signOut());
/** @type {Status | null} */
let status = null;
/** @type {{name: string, view: View} | null} */
let shown = null;
let inside = false;
/** Which navigation is the latest: a view that took long to load must not replace a later one. */
let turn = 0;

/** @type {App} */
const app = {
  feed,
  notify: (text, kind) => shell.notify(text, kind),
  announce: (text) => shell.announce(text),
  status: () => status,
  refresh: () => look(),
  apply: () => apply(),
  restart: () => restart(),
};

watch.signedOut = () => void outside("The session is over: sign in again.");
watch.reached = (reached) => shell.heard(reached);
feed.onState = (open) => {
  if (open) shell.heard(true);
  else void look();
};

async function begin() {
  const ticket = takeTicket();
  try {
    let session = await get("/api/session");
    let why = "";
    if (session.needed && ticket) {
      const opened = await redeem(ticket);
      if (opened) session = { ...session, signed_in: true };
      else why = "This link is used up or too old. Run trunkline ui again, or sign in with the key.";
    }
    shell.leave.hidden = !session.needed;
    if (session.needed && !session.signed_in) outside(why);
    else enter();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    shell.heard(false);
    window.setTimeout(() => void begin(), 2000);
  }
}

function enter() {
  inside = true;
  document.body.classList.remove("locked");
  feed.open();
  void look();
  void navigate();
}

/** @param {string} [why] */
function outside(why) {
  if (document.body.classList.contains("locked")) return;
  inside = false;
  feed.close();
  leaveView();
  document.body.classList.add("locked");
  shell.leave.hidden = true;
  shell.show("", signIn(() => {
    enter();
    shell.leave.hidden = false;
  }, why));
  shell.main.querySelector("input")?.focus();
}

async function signOut() {
  try {
    await ask("DELETE", "/api/session");
    outside();
  } catch (error) {
    shell.notify(told(error), "bad");
  }
}

function leaveView() {
  shown?.view.close?.();
  shown = null;
}

async function navigate() {
  if (!inside) return;
  const place = here();
  const name = place.view in LOAD ? place.view : FIRST;
  if (shown?.name === name) {
    shown.view.update?.(place);
    return;
  }
  const mine = (turn += 1);
  const moved = shown !== null;
  const load = LOAD[name];
  if (!load) return;
  const { view } = await load();
  if (mine !== turn || !inside) return;
  leaveView();
  const made = view(app, here());
  shown = { name, view: made };
  shell.show(name, made.element);
  window.scrollTo(0, 0);
  if (moved) shell.main.querySelector("h1")?.focus();
}

async function look() {
  if (!inside) return;
  try {
    status = await get("/api/status");
    if (status) shell.told(status, () => void apply());
  } catch (error) {
    if (!(error instanceof Refused)) throw error; // that it is not reached is told elsewhere
  }
}

/** Put the configuration file in force. Where that takes a restart, ask for one. */
async function apply() {
  try {
    const { restart: lacking } = await ask("POST", "/api/reload");
    await look();
    if (lacking.length) await restart(`In force now, but for this: ${lacking.map(plain).join("; ")}. `);
    else shell.notify("The configuration is in force. Requests that run end on the one before.");
  } catch (error) {
    if (error instanceof Refused && error.status === 501) await restart("This takes a restart. ");
    else shell.notify(findings(error), "bad");
  }
}

/** What is wrong with the file, where that was told. @param {unknown} error */
function findings(error) {
  const said = error instanceof Refused ? /** @type {any} */ (error.answer)?.findings : null;
  const lines = Array.isArray(said) ? said.map((one) => plain(`${one.line ? `line ${one.line}, ` : ""}${one.key ?? ""}: ${one.problem}`)) : [];
  return [told(error), ...lines].join(" ");
}

/** Restart the gateway, and say when it is back. @param {string} [why] */
async function restart(why = "") {
  const body = [why, "Requests that run are finished by the old process; no new one is refused."];
  if (!(await agreed({ title: "Restart the gateway?", body, yes: "Restart" }))) return;
  const before = status?.started;
  try {
    await ask("POST", "/api/restart");
    shell.notify("The restart has begun.");
  } catch (error) {
    shell.notify(told(error), "bad");
    return;
  }
  let rounds = 60;
  const stop = regularly(1, async () => {
    await look();
    rounds -= 1;
    if (status?.started !== before) shell.notify("The gateway runs on the configuration as it is now.");
    if (status?.started !== before || rounds === 0) stop();
  });
}

window.addEventListener("hashchange", () => void navigate());
regularly(EVERY, () => look());
void begin();
