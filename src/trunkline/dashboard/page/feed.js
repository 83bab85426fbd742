// @ts-check
/**
 * What happens in the gateway as it happens. Rows are gathered and handed over together, ten times a second at
 * most: five hundred events a second cost ten paints.
 */

/** @typedef {import("./types.js").Row} Row */
/** @typedef {(rows: Row[]) => void} Taker */

export const PAUSE = 100;
/** Milliseconds before another attempt where the browser itself has given up. */
const AGAIN = 2000;

export class Feed {
  constructor() {
    /** @type {EventSource | null} */
    this.source = null;
    /** @type {Map<string, Row>} */
    this.waiting = new Map();
    this.timer = 0;
    this.retry = 0;
    /** @type {Set<Taker>} */
    this.takers = new Set();
    /** @type {Set<() => void>} */
    this.gaps = new Set();
    /** @type {(open: boolean) => void} */
    this.onState = () => {};
  }

  /** Listen from now on. What was missed while nobody did is asked for by whoever shows rows. */
  open() {
    this.close();
    const source = new EventSource("../api/feed");
    this.source = source;
    source.addEventListener("open", () => {
      this.onState(true);
      this.gaps.forEach((taker) => taker());
    });
    source.addEventListener("start", (event) => this.take(event));
    source.addEventListener("end", (event) => this.take(event));
    source.addEventListener("missed", () => this.gaps.forEach((taker) => taker()));
    source.addEventListener("error", () => {
      this.onState(false);
      if (source.readyState === EventSource.CLOSED && this.source === source) {
        this.retry = window.setTimeout(() => this.open(), AGAIN);
      }
    });
  }

  close() {
    window.clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
  }

  /**
   * Rows as they come, and `missed` whenever there may be a gap: then all have to be asked for again. Returns what ends it.
   * @param {Taker} rows
   * @param {() => void} missed
   * @returns {() => void}
   */
  listen(rows, missed) {
    this.takers.add(rows);
    this.gaps.add(missed);
    return () => {
      this.takers.delete(rows);
      this.gaps.delete(missed);
    };
  }

  /** @param {MessageEvent<string>} event */
  take(event) {
    /** @type {Row | Row[]} */
    const data = JSON.parse(event.data);
    for (const row of Array.isArray(data) ? data : [data]) {
      // Within one pause an end replaces its start, and never the other way round.
      if (row.state === "ended" || this.waiting.get(row.id)?.state !== "ended") this.waiting.set(row.id, row);
    }
    this.timer ||= window.setTimeout(() => this.handOver(), PAUSE);
  }

  handOver() {
    this.timer = 0;
    const rows = [...this.waiting.values()];
    this.waiting.clear();
    this.takers.forEach((taker) => taker(rows));
  }
}
