// @ts-check
/**
 * What the gateway answers, as the page relies on it (docs/dashboard.md). Types only: nothing loads this file.
 *
 * @typedef {{input: number | null, cache_read: number | null, cache_write: number | null, output: number | null,
 *   reasoning: number | null, estimated?: boolean}} Usage  Counts that do not overlap; null is unknown.
 *
 * @typedef {object} Row  One request, live or over. Live ones have nulls where nothing is known.
 * @property {string} id
 * @property {string} at  when it came, ISO
 * @property {string | null} agent
 * @property {string | null} client
 * @property {string | null} session
 * @property {string} protocol
 * @property {string} operation
 * @property {string} asked
 * @property {string | null} provider
 * @property {string | null} model
 * @property {string | null} route  why
 * @property {boolean} stream
 * @property {number | null} status
 * @property {string | null} outcome
 * @property {number} attempts
 * @property {number | null} seconds
 * @property {number | null} first_byte
 * @property {Usage | null} usage
 * @property {number} losses
 * @property {string | null} error
 * @property {"live" | "ended"} state
 *
 * @typedef {{target: string, surface: string, protocol?: string, status: number | null, error: string | null,
 *   seconds: number}} Attempt
 * @typedef {{field: string, why: string}} Loss
 * @typedef {Omit<Row, "attempts" | "losses"> & {attempts: Attempt[], losses: Loss[], stop?: unknown}} Detail
 *
 * @typedef {{p50: number | null, p95: number | null}} Spread
 * @typedef {Usage & {name: string, requests: number, errors: number, seconds: Spread, first_byte: Spread}} Group
 * @typedef {{at: string, requests: number, errors: number, input: number, cache_read: number, cache_write: number,
 *   output: number}} Minute
 * @typedef {{since: string, totals: Group, groups: Group[], minutes: Minute[]}} Totals
 *
 * @typedef {object} Health  One model at one provider.
 * @property {string} provider
 * @property {string | null} model
 * @property {"closed" | "open" | "half_open"} state
 * @property {number} failures
 * @property {number | null} open_seconds
 * @property {number | null} rests_seconds
 * @property {number | null} waiting
 * @property {string | null} last_error
 * @property {number | null} [credential_rests_seconds]
 *
 * @typedef {object} Model
 * @property {string} id
 * @property {string | null} provider
 * @property {string | null} model
 * @property {string[]} [aliases]
 * @property {string[]} [routes]
 * @property {string[]} [protocols]
 * @property {number | null} [context]
 * @property {number | null} [output]
 * @property {string[]} [capabilities]
 *
 * @typedef {object} Status
 * @property {string} version
 * @property {number} pid
 * @property {string} started
 * @property {number} uptime_seconds
 * @property {string} address
 * @property {number} workers
 * @property {number} [silent]  workers that do not answer
 * @property {boolean} rehearsal
 * @property {{path: string | null, kind: string, changed: boolean}} config
 * @property {number} live
 * @property {number} providers
 * @property {number} models
 *
 * @typedef {{path: string | null, kind: string, language: string, text: string, version: string, writable: boolean}} ConfigText
 * @typedef {{line: number | null, key: string | null, problem: string}} Finding
 * @typedef {{findings: Finding[], diff: string, saved: boolean}} Checked
 *
 * @typedef {{name: string, size: number, lastModified: string}} LogFile
 * @typedef {Record<string, any>} Table
 *
 * @typedef {{view: string, rest: string, filters: URLSearchParams}} Place
 * @typedef {{element: HTMLElement, update?: (place: Place) => void, close?: () => void}} View
 *
 * @typedef {object} App  What a view is given.
 * @property {import("./feed.js").Feed} feed
 * @property {(text: string, kind?: "good" | "bad") => void} notify  tell in a line that goes by itself
 * @property {(text: string) => void} announce  tell screen readers
 * @property {() => Status | null} status
 * @property {() => Promise<void>} refresh  ask for the status anew
 * @property {() => Promise<void>} apply  put the configuration file in force
 * @property {() => Promise<void>} restart  ask, then restart the gateway
 */
export {};
