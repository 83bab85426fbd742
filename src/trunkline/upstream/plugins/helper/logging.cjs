// Whatever is printed here goes to the gateway's log, line by line: standard output belongs to nobody else.
"use strict";

const util = require("util");
const { KIND } = require("./frames.cjs");

const LONGEST = 2000;

function say(wire, level, text) {
  for (const line of text.split("\n")) {
    if (line.trim()) wire.fields(KIND.log, 0, { level, text: line.slice(0, LONGEST) });
  }
}

function redirect(wire) {
  const printing = (level) => (chunk, encoding, callback) => {
    const text = typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8");
    say(wire, level, text);
    const done = typeof encoding === "function" ? encoding : callback;
    if (done) process.nextTick(done);
    return true;
  };
  process.stdout.write = printing("info");
  process.stderr.write = printing("warning");
}

// As pino's: an object, a text with places, or both. What is below info is not kept.
function makeLogger(wire) {
  const speak = (level) => (...args) => {
    const [first, ...rest] = args;
    const words = typeof first === "object" && first !== null && typeof rest[0] === "string" ? [...rest, first] : args;
    say(wire, level, util.format(...words));
  };
  const quiet = () => {};
  const logger = {
    fatal: speak("error"), error: speak("error"), warn: speak("warning"), info: speak("info"), log: speak("info"),
    debug: quiet, trace: quiet, silent: quiet, level: "info",
  };
  logger.child = () => logger;
  return logger;
}

module.exports = { makeLogger, redirect, say };
