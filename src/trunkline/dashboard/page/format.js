// @ts-check
/** Numbers, times and texts as people read them. */

const NUMBER = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const MINUTE = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
/** Signs that would break a line or turn the direction of what stands beside them. */
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const LONGEST = 300;

export const NOTHING = "–";

/** @param {number | null | undefined} value */
export const count = (value) => (value === null || value === undefined ? NOTHING : NUMBER.format(value));

/** 12,345 as 12.3K. @param {number | null | undefined} value */
export const short = (value) => (value === null || value === undefined ? NOTHING : value < 10_000 ? NUMBER.format(value) : SHORT.format(value));

/** @param {number | null | undefined} value */
export function seconds(value) {
  if (value === null || value === undefined) return NOTHING;
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  if (value < 9.995) return `${value.toFixed(2)} s`;
  return value < 99.95 ? `${value.toFixed(1)} s` : span(value);
}

/** A length of time in two parts at most. @param {number} value  seconds */
export function span(value) {
  const whole = Math.max(0, Math.round(value));
  const parts = [["d", Math.floor(whole / 86_400)], ["h", Math.floor(whole / 3600) % 24], ["min", Math.floor(whole / 60) % 60], ["s", whole % 60]];
  const first = parts.findIndex(([, amount]) => amount !== 0);
  if (first < 0) return "0 s";
  return parts.slice(first, first + 2).filter(([, amount]) => amount !== 0).map(([unit, amount]) => `${amount} ${unit}`).join(" ");
}

/** @param {string} iso */
export const clock = (iso) => time(CLOCK, iso);

/** @param {string} iso */
export const minute = (iso) => time(MINUTE, iso);

/** @param {string} iso */
export const moment = (iso) => time(DAY, iso);

/**
 * @param {Intl.DateTimeFormat} form
 * @param {string} iso
 */
function time(form, iso) {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? NOTHING : form.format(at);
}

/** @param {number} part @param {number} whole */
export const percent = (part, whole) => (whole > 0 ? `${Math.round((100 * part) / whole)} %` : NOTHING);

/** @param {number} value  bytes */
export function bytes(value) {
  if (value < 1024) return `${value} B`;
  return value < 1_048_576 ? `${(value / 1024).toFixed(1)} kB` : `${(value / 1_048_576).toFixed(1)} MB`;
}

/**
 * A text of unknown origin on one line: signs that nobody sees are written out, and it is cut when it is very long.
 * @param {string | null | undefined} text
 */
export function plain(text) {
  if (text === null || text === undefined || text === "") return NOTHING;
  const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return shown.replace(INVISIBLE, (sign) => (sign === "\n" ? "⏎" : `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`));
}

/**
 * One of, or several of.
 * @param {number} amount
 * @param {string} noun
 * @param {string} [plural]
 */
export const several = (amount, noun, plural = `${noun}s`) => `${count(amount)} ${amount === 1 ? noun : plural}`;

/** A word of a shell, whatever is in it. @param {string} text */
export const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** All tokens that were read for a request, cached or not. @param {import("./types.js").Usage | null} usage */
export function read(usage) {
  if (!usage || (usage.input === null && usage.cache_read === null && usage.cache_write === null)) return null;
  return (usage.input ?? 0) + (usage.cache_read ?? 0) + (usage.cache_write ?? 0);
}
