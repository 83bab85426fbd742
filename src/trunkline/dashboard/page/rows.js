// @ts-check
/** Real tables, changed where they differ and nowhere else: focus, selection and scroll stay where they are. */

import { element, fill, say } from "./element.js";

/** @typedef {import("./element.js").Child} Child */

/**
 * @template T
 * @typedef {object} Column
 * @property {string} title
 * @property {string} [name]  its class, where it is dressed
 * @property {boolean} [number]
 * @property {boolean} [heading]  its cells name their rows
 * @property {(item: T) => Child} show
 */

/**
 * A table in a frame that scrolls sideways, and by keys.
 * @template T
 * @param {string} caption  what it is, for those who do not see what stands around it
 * @param {Column<T>[]} columns
 * @param {T[]} items
 */
export function table(caption, columns, items) {
  const { frame, body } = emptyTable(caption, columns);
  body.append(...items.map((item) => element("tr", { role: "row" }, columns.map((column) => cell(column, item)))));
  return frame;
}

/**
 * @template T
 * @param {string} caption
 * @param {Column<T>[]} columns
 */
export function emptyTable(caption, columns) {
  const heads = columns.map((column) => element("th", { role: "columnheader", scope: "col", class: dress(column) }, column.title));
  const body = element("tbody", { role: "rowgroup" });
  const made = element(
    "table",
    { role: "table" },
    element("caption", { class: "away" }, caption),
    element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, heads)),
    body,
  );
  return { frame: element("div", { class: "frame", tabindex: 0, role: "region", "aria-label": caption }, made), body };
}

/**
 * @template T
 * @param {Column<T>} column
 * @param {T} item
 */
function cell(column, item) {
  const attributes = { class: dress(column), "data-title": column.title };
  const made = column.heading ? element("th", { role: "rowheader", scope: "row", ...attributes }) : element("td", { role: "cell", ...attributes });
  return fill(made, column.show(item));
}

/** @param {{name?: string, number?: boolean}} column */
const dress = (column) => [column.name, column.number && "number"].filter(Boolean).join(" ") || null;

/**
 * The rows of a table body, each known by its key.
 * @template T
 */
export class Rows {
  /**
   * @param {HTMLElement} body
   * @param {(item: T) => string} key
   * @param {(item: T) => HTMLTableRowElement} make
   * @param {(row: HTMLTableRowElement, item: T) => void} change  write into a row what is different now
   */
  constructor(body, key, make, change) {
    this.body = body;
    this.key = key;
    this.make = make;
    this.change = change;
    /** @type {Map<string, {row: HTMLTableRowElement, item: T}>} */
    this.known = new Map();
  }

  /** Show these, in this order. @param {T[]} items */
  show(items) {
    const keys = new Set(items.map(this.key));
    for (const [key, { row }] of this.known) {
      if (!keys.has(key)) {
        row.remove();
        this.known.delete(key);
      }
    }
    /** @type {ChildNode | null} */
    let next = this.body.firstChild;
    for (const item of items) {
      const row = this.rowOf(item);
      if (row === next) next = next.nextSibling;
      else this.body.insertBefore(row, next);
    }
  }

  /** @param {T} item */
  rowOf(item) {
    const key = this.key(item);
    const known = this.known.get(key);
    if (known) {
      if (known.item !== item) this.change(known.row, item);
      known.item = item;
      return known.row;
    }
    const row = this.make(item);
    this.change(row, item);
    this.known.set(key, { row, item });
    return row;
  }
}

/**
 * Write texts into the cells of a row.
 * @param {HTMLTableRowElement} row
 * @param {string[]} texts
 */
export const sayAll = (row, texts) => texts.forEach((text, index) => {
  const target = row.cells[index];
  if (target) say(target, text);
});
