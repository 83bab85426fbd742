// @ts-check
/** Making DOM nodes. Texts only ever become text nodes: nothing that a client or a provider sent can be markup. */

/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Attributes */

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["value", "checked", "disabled", "selected", "open", "readOnly", "hidden", "indeterminate"]);
/** Attributes that a browser would run, or fetch from. */
const REFUSED = /^(on|style$|srcdoc$|src$|action$|formaction$)/i;

/**
 * An HTML element. A function under a name is a listener for that event.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) set(made, name, value);
  made.append(...nodes(children));
  return made;
}

/**
 * An SVG element.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) set(made, name, value);
  made.append(...nodes(children));
  return made;
}

/**
 * @param {Element} target
 * @param {string} name
 * @param {Attributes[string]} value
 */
function set(target, name, value) {
  if (typeof value === "function") {
    target.addEventListener(name, value);
  } else if (REFUSED.test(name)) {
    throw new TypeError(`The attribute ${name} is not set from here.`);
  } else if (name === "href" && !/^(#|https?:\/\/|\.?\/|[\w-]+\.svg)/.test(String(value))) {
    throw new TypeError("A link leads to a place in the page, or to an address.");
  } else if (PROPERTIES.has(name)) {
    Reflect.set(target, name, value);
  } else if (value !== null && value !== undefined && value !== false) {
    target.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * @param {Child[]} children
 * @returns {(Node | string)[]}
 */
function nodes(children) {
  /** @type {(Node | string)[]} */
  const flat = [];
  for (const child of children) {
    if (Array.isArray(child)) flat.push(...nodes(child));
    else if (child instanceof Node) flat.push(child);
    else if (child !== null && child !== undefined && child !== false) flat.push(String(child));
  }
  return flat;
}

/**
 * Replace what is in `target`.
 * @template {Element} E
 * @param {E} target
 * @param {...Child} children
 * @returns {E}
 */
export function fill(target, ...children) {
  target.replaceChildren(...nodes(children));
  return target;
}

/**
 * Write a text where it differs: an element that says the same is not touched, so screen readers stay quiet.
 * @param {Element} target
 * @param {string} text
 */
export function say(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
