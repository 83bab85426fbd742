// Ends this process when the gateway is gone and the main thread, busy with somebody's endless loop, does not notice.
// Runs in a thread of its own; the gateway holds the other end of the pipe and writes nothing to it.
"use strict";

const net = require("net");
const { workerData } = require("worker_threads");

const GRACE = 1000; // ms in which the main thread ends by itself, when it can

const end = () => setTimeout(() => process.kill(process.pid, "SIGKILL"), GRACE);
const pipe = new net.Socket({ fd: workerData.pipe, readable: true, writable: false });
pipe.on("close", end);
pipe.on("error", () => {});
pipe.resume();
