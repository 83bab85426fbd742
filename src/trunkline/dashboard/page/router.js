// @ts-check
/** Where in the page one is: `#/view/rest?filters`. The address is the only place that filters are kept in. */

/** @typedef {import("./types.js").Place} Place */

export const FIRST = "requests";

/**
 * @param {string} hash
 * @returns {Place}
 */
export function placeOf(hash) {
  const [path = "", filters = ""] = split(hash.replace(/^#\/?/, ""), "?");
  const [view = "", rest = ""] = split(path, "/");
  return { view: view || FIRST, rest: decoded(rest), filters: new URLSearchParams(filters) };
}

/** @param {Place} place */
export function hashOf({ view, rest, filters }) {
  const text = filters.toString();
  return `#/${view}${rest ? `/${encodeURIComponent(rest)}` : ""}${text ? `?${text}` : ""}`;
}

export const here = () => placeOf(location.hash);

/**
 * Another value of a filter, in this entry of the history: going back leaves the view, not the last letter typed.
 * @param {string} name
 * @param {string} value
 */
export function keepFilter(name, value) {
  const place = here();
  if (value) place.filters.set(name, value);
  else place.filters.delete(name);
  history.replaceState(null, "", hashOf(place));
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/**
 * A link's address.
 * @param {string} view
 * @param {string} [rest]
 * @param {Record<string, string> | URLSearchParams} [filters]
 */
export const linkTo = (view, rest = "", filters = {}) => hashOf({ view, rest, filters: new URLSearchParams(filters) });

/**
 * @param {string} text
 * @param {string} sign
 */
function split(text, sign) {
  const at = text.indexOf(sign);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
