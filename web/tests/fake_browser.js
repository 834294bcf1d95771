// The few browser globals that the widget's modules use, under the control of a test.

import { mock } from "node:test";

/** A WebSocket that opens, receives and closes when the test says so. */
export class FakeWebSocket {
  static OPEN = 1;
  static all = [];
  sent = []; // messages as `[op, ...ids]`, until they are taken

  constructor(url) {
    this.url = url;
    this.readyState = 0;
    FakeWebSocket.all.push(this);
  }

  /** The user ids of its URL. */
  get ids() {
    return new URL(this.url).searchParams.getAll("user_id");
  }

  accept() {
    this.readyState = FakeWebSocket.OPEN;
    this.onopen?.();
  }

  receive(op, user_id, d) {
    this.onmessage?.({ data: JSON.stringify({ op, user_id, d }) });
  }

  lose(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  send(text) {
    const { op, user_ids } = JSON.parse(text);
    this.sent.push([op, ...user_ids]);
  }

  /** The messages since the last call. */
  takeSent() {
    return this.sent.splice(0);
  }

  close() {
    this.readyState = 3;
  }
}

/** Install the globals and a mocked clock that starts at `now`. */
export function installBrowser(now = 1_800_000_000_000) {
  FakeWebSocket.all = [];
  const page = new EventTarget();
  globalThis.document = Object.assign(new EventTarget(), { hidden: false });
  globalThis.addEventListener = page.addEventListener.bind(page);
  globalThis.WebSocket = FakeWebSocket;
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now });
  return {
    page,
    hide(hidden) {
      document.hidden = hidden;
      document.dispatchEvent(new Event("visibilitychange"));
    },
    /** Let `ms` pass in steps, so that chains of timers run in order. */
    pass(ms) {
      for (let left = ms; left > 0; left -= 500) mock.timers.tick(Math.min(500, left));
    },
  };
}

export function removeBrowser() {
  mock.timers.reset();
  mock.restoreAll();
  for (const name of ["document", "addEventListener", "WebSocket"]) delete globalThis[name];
}

/** Let promises that are ready run. */
export const settle = () => new Promise((done) => setImmediate(done));
