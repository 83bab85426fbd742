// @ts-check
/** The requests that are known here: those in flight, and the latest that ended. */

/** @typedef {import("./types.js").Row} Row */

/** Ended ones that are kept: as many as the gateway itself lists. */
export const KEPT = 200;
export const FILTERS = ["provider", "model", "agent", "session", "route", "outcome"];
/** Ids of ended requests that are remembered, for starts that come late. */
const REMEMBERED = 5000;

export class RequestStore {
  constructor() {
    /** @type {Map<string, Row>} */
    this.live = new Map();
    /** Newest first. @type {Row[]} */
    this.ended = [];
    /** @type {Set<string>} */
    this.over = new Set();
  }

  /** All anew. @param {{live: Row[], recent: Row[]}} answer */
  reset({ live, recent }) {
    this.live = new Map(live.map((row) => [row.id, row]));
    this.ended = recent.slice(0, KEPT);
    this.over = new Set(recent.map((row) => row.id));
  }

  /** @param {Row[]} rows */
  take(rows) {
    for (const row of rows) {
      if (row.state === "live") {
        if (!this.over.has(row.id)) this.live.set(row.id, row);
      } else {
        this.end(row);
      }
    }
    this.ended.length = Math.min(this.ended.length, KEPT);
    if (this.over.size > REMEMBERED) this.over = new Set(this.ended.map((row) => row.id));
  }

  /** @param {Row} row */
  end(row) {
    this.live.delete(row.id);
    if (this.over.has(row.id)) return;
    this.over.add(row.id);
    this.ended.unshift(row);
  }

  /** Live ones, the latest first, then those that ended. @param {URLSearchParams} filters */
  rows(filters) {
    const live = [...this.live.values()].sort((one, other) => other.at.localeCompare(one.at));
    return [...live, ...this.ended].filter((row) => fits(row, filters));
  }

  /** Values that a filter could have. @param {string} name */
  values(name) {
    const found = new Set([...this.live.values(), ...this.ended].map((row) => valueOf(row, name)));
    return [...found].filter((value) => value !== "").sort();
  }
}

/**
 * @param {Row} row
 * @param {string} name
 * @returns {string}
 */
export function valueOf(row, name) {
  if (name === "outcome") return row.state === "live" ? "live" : (row.outcome ?? "");
  if (name === "agent") return productOf(row.agent);
  const value = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (row))[name];
  return value === null || value === undefined ? "" : String(value);
}

/** An agent without its version: what usage is told by. @param {string | null} agent */
export const productOf = (agent) => (agent ?? "").split(/[/ (]/, 1)[0] || (agent ?? "");

/** What the gateway itself is asked to filter by. It takes any part of a text; what fits is decided here. @param {URLSearchParams} filters */
export const asked = (filters) => Object.fromEntries(FILTERS.filter((name) => name !== "outcome").map((name) => [name, filters.get(name)]));

/**
 * @param {Row} row
 * @param {URLSearchParams} filters
 */
export function fits(row, filters) {
  for (const name of FILTERS) {
    const wanted = filters.get(name);
    if (wanted && valueOf(row, name) !== wanted && !(name === "outcome" && wanted === "failed" && failed(row)) && !(name === "model" && row.asked === wanted)) return false;
  }
  const text = filters.get("find")?.toLowerCase();
  return !text || haystack(row).includes(text);
}

/** @param {Row} row */
export const failed = (row) => row.state === "ended" && row.outcome !== "ok";

/** @param {Row} row */
const haystack = (row) =>
  [row.id, row.agent, row.client, row.session, row.asked, row.provider, row.model, row.route, row.status, row.outcome, row.error, row.protocol].join("\n").toLowerCase();
