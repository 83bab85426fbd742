// Runs the user's JavaScript plugins and routers for the gateway that started this process.
// The arguments are the numbers of an inherited socket, and of a pipe. When the socket ends, so does this process; when
// it is too busy to see that, a thread that watches the pipe ends it.
"use strict";

const { EventEmitter } = require("events");
const net = require("net");
const path = require("path");
const { Worker } = require("worker_threads");
const { KIND, Wire, unpack } = require("./frames.cjs");
const { Incoming, Outgoing } = require("./streams.cjs");
const { loadPlugin, loadRouter } = require("./loading.cjs");
const { makeLogger, redirect, say } = require("./logging.cjs");

const plugins = new Map(); // key -> instance, for as long as this process lives
const exchanges = new Map(); // id -> the context that all hooks of one request share
const calls = new Map(); // id -> { incoming, outgoing }
const event = new EventEmitter();
let router = null;
let settings = null;

const socket = new net.Socket({ fd: Number(process.argv[2]), readable: true, writable: true });
const wire = new Wire(socket, take);
const logger = makeLogger(wire);
socket.on("close", () => process.exit(0));
socket.on("error", () => process.exit(0));
new Worker(path.join(__dirname, "watch.cjs"), {
  workerData: { pipe: Number(process.argv[3]) },
  env: {},
  execArgv: [],
  resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 },
}).unref();
redirect(wire);
Object.defineProperty(process, "stdin", { value: require("stream").Readable.from([]) });
process.on("uncaughtException", (error) => say(wire, "error", `not caught: ${told(error)}`));
process.on("unhandledRejection", (error) => say(wire, "error", `not caught: ${told(error)}`));

function told(error) {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

// The request as a plugin or router sees it, with the body that the client sent.
class Req {
  constructor(fields, bytes) {
    Object.assign(this, fields);
    this.log = logger;
    this.written = bytes;
    this.read = undefined;
    for (const hidden of ["written", "read", "log"]) Object.defineProperty(this, hidden, { enumerable: false, writable: true });
  }

  get body() {
    if (this.read === undefined) this.read = JSON.parse(this.written.toString("utf8"));
    return this.read;
  }

  set body(value) {
    this.read = value;
  }

  // The body anew, where somebody has changed it.
  changed() {
    if (this.read === undefined) return null;
    const now = JSON.stringify(this.read);
    return now === JSON.stringify(JSON.parse(this.written.toString("utf8"))) ? null : Buffer.from(now);
  }
}

function take(kind, id, payload) {
  switch (kind) {
    case KIND.load: return attempt(id, load(id, unpack(payload).fields));
    case KIND.begin: return begin(id, unpack(payload));
    case KIND.request: return attempt(id, request(id, unpack(payload)));
    case KIND.response: return attempt(id, response(id, unpack(payload).fields));
    case KIND.route: return attempt(id, route(id, unpack(payload)));
    case KIND.chunk: return feed(id, payload);
    case KIND.end: return feed(id, null);
    case KIND.broke: return feed(id, new Error(unpack(payload).fields.message));
    case KIND.credit: return calls.get(id)?.outgoing.credit(payload.readUInt32BE(0));
    case KIND.cancel: return cancel(id);
    case KIND.finish: return exchanges.delete(id);
    case KIND.ping: return wire.send(KIND.pong, id);
  }
}

function attempt(id, promise) {
  promise.catch((error) => wire.fields(KIND.failed, id, { message: told(error) }));
}

async function load(id, orders) {
  for (const [name, value] of Object.entries(orders.environment)) process.env[name] = value;
  const all = [];
  for (const order of orders.plugins) {
    try {
      const { plugin, told: about } = await loadPlugin(order, logger);
      plugins.set(order.key, plugin);
      all.push(about);
    } catch (error) {
      all.push({ error: told(error) });
    }
  }
  let routing = null;
  if (orders.router) {
    try {
      router = await loadRouter(orders.router.file);
      settings = orders.router.settings;
    } catch (error) {
      routing = told(error);
    }
  }
  wire.fields(KIND.done, id, { plugins: all, router: routing });
}

function begin(id, { fields, bytes }) {
  exchanges.set(id, { req: new Req(fields, Buffer.from(bytes)) });
}

// {body, config} is taken apart wherever it is returned.
async function request(id, { fields, bytes }) {
  const body = JSON.parse(bytes.toString("utf8"));
  const context = exchanges.get(fields.exchange);
  const more = fields.provider ? [fields.provider, context] : [context]; // an endpoint knows of no provider
  const given = await plugins.get(fields.plugin)[fields.hook](body, ...more);
  if (given === null || typeof given !== "object") throw new Error("it returned no body");
  const wrapped = given.body !== undefined && given.body !== null && typeof given.body === "object";
  const config = (wrapped && given.config) || {};
  const said = {};
  if (config.url !== undefined) said.url = String(config.url);
  if (config.TIMEOUT !== undefined) said.timeout = Number(config.TIMEOUT);
  if (config.headers) said.headers = headersOf(config.headers);
  if ("httpsProxy" in config) said.proxy = config.httpsProxy ? String(config.httpsProxy) : "";
  const ignored = Object.keys(config).filter((key) => !["url", "headers", "TIMEOUT", "httpsProxy", "signal"].includes(key));
  if (ignored.length) said.ignored = ignored;
  wire.fields(KIND.done, id, said, Buffer.from(JSON.stringify(wrapped ? given.body : given)));
}

function headersOf(headers) {
  const pairs = typeof headers.entries === "function" ? [...headers.entries()] : Object.entries(headers);
  return pairs.map(([name, value]) => [name, value === undefined || value === null ? null : String(value)]);
}

async function response(id, fields) {
  const incoming = new Incoming(wire, id);
  const outgoing = new Outgoing(wire, id);
  calls.set(id, { incoming, outgoing });
  try {
    const head = { status: fields.status, headers: fields.headers };
    const asked = new Response(fields.status === 204 ? null : incoming.stream, head);
    const given = await plugins.get(fields.plugin)[fields.hook](asked, exchanges.get(fields.exchange));
    if (!given || typeof given.status !== "number" || !given.headers) throw new Error("it returned no Response");
    await new Promise(setImmediate); // a copy that is read beside the answer has asked for bytes by then
    const same = given === asked && !incoming.asked;
    wire.fields(KIND.head, id, { status: given.status, headers: [...given.headers.entries()], same });
    if (same) return;
    if (given.body) await outgoing.send(given.body);
    else wire.send(KIND.end, id);
  } finally {
    calls.delete(id);
  }
}

function feed(id, piece) {
  calls.get(id)?.incoming.feed(piece);
}

function cancel(id) {
  const call = calls.get(id);
  if (!call) return;
  calls.delete(id);
  call.outgoing.cancel();
  call.incoming.feed(new Error("the client is gone"));
}

async function route(id, { fields, bytes }) {
  const req = new Req(fields.req, Buffer.from(bytes));
  const chosen = await router(req, settings, { event });
  const model = typeof chosen === "string" ? chosen : null;
  wire.fields(KIND.done, id, { model, odd: chosen && model === null ? typeof chosen : null }, req.changed());
}
