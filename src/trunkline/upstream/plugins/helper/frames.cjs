// Frames between the gateway and this process: length (4 bytes), kind (1), id (4), payload. Big-endian.
// A payload with fields is the length of their JSON (4 bytes), the JSON, and then bytes that belong to it.
"use strict";

const KIND = {
  load: 1, begin: 2, request: 3, response: 4, chunk: 5, end: 6, broke: 7, credit: 8, cancel: 9, finish: 10,
  route: 11, ping: 12, done: 33, head: 34, failed: 37, log: 39, pong: 40,
};

class Wire {
  constructor(socket, take) {
    this.socket = socket;
    this.take = take;
    this.held = [];
    this.size = 0;
    this.wanted = 9;
    socket.on("data", (data) => this.feed(data));
  }

  feed(data) {
    this.held.push(data);
    this.size += data.length;
    if (this.size < this.wanted) return;
    let all = this.held.length === 1 ? data : Buffer.concat(this.held);
    while (all.length >= 4) {
      const end = 4 + all.readUInt32BE(0);
      if (all.length < end) break;
      this.take(all[4], all.readUInt32BE(5), all.subarray(9, end));
      all = all.subarray(end);
    }
    this.held = all.length ? [all] : [];
    this.size = all.length;
    this.wanted = all.length >= 4 ? 4 + all.readUInt32BE(0) : 9;
  }

  send(kind, id, payload) {
    const head = Buffer.allocUnsafe(9);
    head.writeUInt32BE(5 + (payload ? payload.length : 0), 0);
    head[4] = kind;
    head.writeUInt32BE(id, 5);
    this.socket.cork();
    this.socket.write(head);
    if (payload && payload.length) this.socket.write(payload);
    this.socket.uncork();
  }

  fields(kind, id, fields, bytes) {
    const json = Buffer.from(JSON.stringify(fields));
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(json.length, 0);
    this.send(kind, id, Buffer.concat(bytes ? [length, json, bytes] : [length, json]));
  }

  credit(id, count) {
    const payload = Buffer.allocUnsafe(4);
    payload.writeUInt32BE(count, 0);
    this.send(KIND.credit, id, payload);
  }
}

function unpack(payload) {
  const end = 4 + payload.readUInt32BE(0);
  return { fields: JSON.parse(payload.toString("utf8", 4, end)), bytes: payload.subarray(end) };
}

module.exports = { KIND, Wire, unpack };
