// Bodies on their way through a hook, piece by piece in both directions, no faster than the reader reads.
"use strict";

const { KIND } = require("./frames.cjs");

const WINDOW = 256 * 1024; // bytes that may be under way in one direction before the reader has taken any

// What the gateway sends of an answer's body, as a stream. Nothing is asked for until somebody reads.
class Incoming {
  constructor(wire, id) {
    this.wire = wire;
    this.id = id;
    this.held = [];
    this.asked = false;
    this.over = false;
    this.pulled = null;
    this.stream = new ReadableStream(
      {
        start: (controller) => { this.controller = controller; },
        pull: () => this.pull(),
        cancel: () => { this.over = true; this.held = []; },
      },
      { highWaterMark: 0 },
    );
  }

  pull() {
    if (!this.asked) {
      this.asked = true;
      this.wire.credit(this.id, WINDOW);
    }
    if (this.held.length) return this.give(this.held.shift());
    return new Promise((resolve) => { this.pulled = resolve; });
  }

  give(piece) {
    if (piece === null) {
      this.over = true;
      this.controller.close();
    } else if (piece instanceof Error) {
      this.over = true;
      this.controller.error(piece);
    } else {
      this.controller.enqueue(new Uint8Array(piece));
      this.wire.credit(this.id, piece.length);
    }
  }

  // A piece, null for the end, or an Error.
  feed(piece) {
    if (this.over) return;
    if (this.pulled) {
      const resolve = this.pulled;
      this.pulled = null;
      this.give(piece);
      resolve();
    } else {
      this.held.push(piece);
    }
  }
}

// A response's body to the gateway.
class Outgoing {
  constructor(wire, id) {
    this.wire = wire;
    this.id = id;
    this.room = WINDOW;
    this.waiting = null;
    this.reader = null;
    this.cancelled = false;
  }

  credit(count) {
    this.room += count;
    if (this.room > 0 && this.waiting) {
      this.waiting();
      this.waiting = null;
    }
  }

  cancel() {
    this.cancelled = true;
    if (this.waiting) this.waiting();
    if (this.reader) this.reader.cancel(new Error("the client is gone")).catch(() => {});
  }

  async send(body) {
    this.reader = body.getReader();
    if (this.cancelled) return this.cancel();
    for (;;) {
      const { done, value } = await this.reader.read();
      if (this.cancelled) return;
      if (done) break;
      const piece = bytesOf(value);
      if (!piece.length) continue;
      this.room -= piece.length;
      this.wire.send(KIND.chunk, this.id, piece);
      if (this.room <= 0) await new Promise((resolve) => { this.waiting = resolve; });
      if (this.cancelled) return;
    }
    this.wire.send(KIND.end, this.id);
  }
}

// Some plugins put texts into their streams, which fetch would not take but CCR's own reader does.
function bytesOf(value) {
  if (typeof value === "string") return Buffer.from(value);
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

module.exports = { Incoming, Outgoing };
