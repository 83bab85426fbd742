// @ts-check
/** Asking the gateway, whose paths begin beside `/ui/`. Every refusal has words that can be shown. */

/** The gateway said no, or nothing. `status` 0: it could not be reached. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {unknown} [answer]
   */
  constructor(status, message, answer) {
    super(message);
    this.status = status;
    this.answer = answer;
  }
}

/** What has to know of every answer; set by `main.js`. */
export const watch = {
  /** @type {() => void} */
  signedOut: () => {},
  /** @type {(reached: boolean) => void} */
  reached: () => {},
};

const SECONDS = 30;

/**
 * The answer as JSON, or null where there is none. Raises Refused.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]  an ArrayBuffer goes as it is, anything else as JSON
 * @returns {Promise<any>}
 */
export async function ask(method, path, body) {
  const raw = body instanceof ArrayBuffer;
  /** @type {Record<string, string>} */
  const headers = body === undefined ? {} : { "content-type": raw ? "application/zip" : "application/json" };
  const sent = body === undefined ? null : raw ? body : JSON.stringify(body);
  let answer, text;
  try {
    answer = await fetch(`..${path}`, { method, headers, body: sent, credentials: "same-origin", signal: AbortSignal.timeout(SECONDS * 1000) });
    text = await answer.text();
  } catch {
    watch.reached(false);
    throw new Refused(0, "The gateway does not answer. Is it running?");
  }
  watch.reached(true);
  const value = decoded(text);
  if (answer.ok) return value;
  if (answer.status === 401 && path !== "/api/session") watch.signedOut();
  throw new Refused(answer.status, words(value) ?? `The gateway answered ${answer.status}.`, value);
}

/** @param {string} path */
export const get = (path) => ask("GET", path);

/**
 * A path with what has a value in its query.
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} parameters
 */
export function query(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

/**
 * What an error says to a person.
 * @param {unknown} error
 * @returns {string}
 */
export const told = (error) => (error instanceof Error ? error.message : String(error));

/** @param {string} text */
function decoded(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

/**
 * @param {any} value
 * @returns {string | null}
 */
function words(value) {
  const said = value?.error?.message ?? value?.message ?? value?.error;
  return typeof said === "string" ? said : null;
}
