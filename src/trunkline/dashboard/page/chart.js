// @ts-check
/** Drawings by hand. Each has its words beside it: a summary for those who do not see it, and a table of its data. */

import { drawn, element } from "./element.js";
import { count, minute, short } from "./format.js";

/** @typedef {import("./types.js").Minute} Minute */

const WIDTH = 720;
const HEIGHT = 150;
const LEFT = 46;
const BOTTOM = 20;
const TOP = 8;

/** What is stacked in a minute, from below. @type {[keyof Minute & ("input" | "cache_write" | "cache_read" | "output"), string][]} */
export const LAYERS = [
  ["output", "written"],
  ["input", "read anew"],
  ["cache_write", "put into a cache"],
  ["cache_read", "read from a cache"],
];

/**
 * Tokens by minute, stacked.
 * @param {Minute[]} told
 * @param {number} room  pixels from side to side
 */
export function tokenChart(told, room) {
  const minutes = wholeHour(told);
  const width = Math.max(280, room - 40);
  const every = width < 560 ? 20 : 10;
  const most = niceAbove(Math.max(1, ...minutes.map(total)));
  const scale = (HEIGHT - BOTTOM - TOP) / most;
  const step = (width - LEFT) / Math.max(1, minutes.length);
  const bars = minutes.map((one, index) => bar(one, LEFT + index * step + 0.5, Math.max(1, step - 1.5), scale));
  const lines = [0, 0.5, 1].map((part) => gridLine(part * most, HEIGHT - BOTTOM - part * most * scale, width));
  const labels = minutes.flatMap((one, index) => (index % every === 0 ? [timeLabel(one, LEFT + (index + 0.5) * step)] : []));
  const picture = drawn(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT}`, height: HEIGHT, role: "img", "aria-label": summary(minutes), class: "chart" },
    lines,
    bars,
    labels,
  );
  return element("figure", { class: "figure" }, picture, legend(), element("figcaption", {}, summary(minutes)));
}

/** The minutes before the first that is told are empty. @param {Minute[]} told */
function wholeHour(told) {
  const first = Date.parse(told[0]?.at ?? "") || Date.now();
  const missing = Math.max(0, 60 - told.length);
  const before = Array.from({ length: missing }, (_, index) => new Date(first - (missing - index) * 60_000).toISOString());
  return [...before.map((at) => ({ at, requests: 0, errors: 0, input: 0, cache_read: 0, cache_write: 0, output: 0 })), ...told];
}

/** @param {Minute} one */
const total = (one) => LAYERS.reduce((sum, [key]) => sum + (one[key] ?? 0), 0);

/**
 * @param {Minute} one
 * @param {number} x
 * @param {number} width
 * @param {number} scale
 */
function bar(one, x, width, scale) {
  let y = HEIGHT - BOTTOM;
  const parts = LAYERS.flatMap(([key]) => {
    const height = (one[key] ?? 0) * scale;
    y -= height;
    return height > 0 ? [drawn("rect", { class: `layer ${key}`, x, y, width, height })] : [];
  });
  const told = `${minute(one.at)}: ${count(one.requests)} requests, ${count(total(one))} tokens`;
  return drawn("g", {}, drawn("title", {}, told), parts);
}

/**
 * @param {number} value
 * @param {number} y
 * @param {number} width
 */
const gridLine = (value, y, width) =>
  drawn("g", {}, drawn("line", { class: "grid", x1: LEFT, x2: width, y1: y, y2: y }), drawn("text", { class: "axis", x: LEFT - 6, y: y + 4, "text-anchor": "end" }, short(value)));

/**
 * @param {Minute} one
 * @param {number} x
 */
const timeLabel = (one, x) => drawn("text", { class: "axis", x, y: HEIGHT - 5, "text-anchor": "middle" }, minute(one.at));

const legend = () =>
  element("ul", { class: "legend" }, LAYERS.map(([key, label]) => element("li", {}, drawn("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, drawn("rect", { class: `layer ${key}`, width: 10, height: 10 })), ` ${label}`)));

/** The chart in a sentence. @param {Minute[]} minutes */
export function summary(minutes) {
  const requests = minutes.reduce((sum, one) => sum + one.requests, 0);
  const errors = minutes.reduce((sum, one) => sum + one.errors, 0);
  if (requests === 0) return `Nothing in the last ${minutes.length} minutes.`;
  const busiest = minutes.reduce((best, one) => (total(one) > total(best) ? one : best));
  const tokens = minutes.reduce((sum, one) => sum + total(one), 0);
  return `Last ${minutes.length} minutes: ${count(requests)} requests, ${count(errors)} of them failed, ${short(tokens)} tokens; most at ${minute(busiest.at)} with ${short(total(busiest))}.`;
}

/** The next 1, 2 or 5 with noughts. @param {number} value */
function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

/**
 * One after the other on a line of time: what began when, and took how long.
 * @param {{label: string, from: number, length: number, tone: string}[]} spans  in seconds
 * @param {number} whole
 */
export function waterfall(spans, whole) {
  const height = spans.length * 20;
  const scale = WIDTH / Math.max(whole, 0.001);
  const bars = spans.map(({ label, from, length, tone }, index) =>
    drawn("g", {}, drawn("title", {}, label), drawn("rect", { class: `span ${tone}`, x: from * scale, y: index * 20 + 3, width: Math.max(2, length * scale), height: 14, rx: 2 })),
  );
  const words = spans.map(({ label }) => label).join("; ");
  return drawn("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "waterfall", role: "img", "aria-label": words, preserveAspectRatio: "none" }, bars);
}
