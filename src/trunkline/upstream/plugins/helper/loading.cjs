// Modules of the user's: a plugin's class, or a router's function.
"use strict";

const path = require("path");
const { pathToFileURL } = require("url");

const HOOKS = ["transformRequestIn", "transformResponseOut", "transformRequestOut", "transformResponseIn", "auth"];

// What the module exports: module.exports, or the default of an ES module.
async function exported(file) {
  let found;
  try {
    found = require(file);
  } catch (error) {
    if (error.code !== "ERR_REQUIRE_ESM") throw error;
    found = await import(pathToFileURL(require.resolve(file)).href);
  }
  return found && typeof found !== "function" && found.default !== undefined ? found.default : found;
}

async function loadPlugin({ file, options, name }, logger) {
  const made = await exported(file);
  if (typeof made !== "function") {
    throw new Error(`${path.basename(file)} exports no class: write module.exports = class { ... }`);
  }
  const plugin = new made(options);
  plugin.logger = logger;
  const own = name || plugin.name || made.TransformerName;
  if (typeof own !== "string" || !own) {
    throw new Error(`${path.basename(file)} has no name: give it one in its constructor, this.name = "..."`);
  }
  const hooks = HOOKS.filter((hook) => typeof plugin[hook] === "function");
  return { plugin, told: { name: own, hooks, endpoint: plugin.endPoint ? String(plugin.endPoint) : null } };
}

async function loadRouter(file) {
  const router = await exported(file);
  if (typeof router !== "function") {
    throw new Error(`${path.basename(file)} exports no function: write module.exports = async (req, config) => ...`);
  }
  return router;
}

module.exports = { loadPlugin, loadRouter };
