import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { PresenceSocket, retryDelay } from "../widget/socket.js";
import { FakeWebSocket, installBrowser, removeBrowser } from "./fake_browser.js";

const ANNA = "1274150219482660897";
const BERT = "1274150219482660898";

let browser;
let events;

const owner = {
  onFrame: (_, { op }) => events.push(op),
  onConnectionChange: () => events.push("change"),
  onRefused: () => events.push("refused"),
};
const latest = () => FakeWebSocket.all.at(-1);

beforeEach(() => {
  browser = installBrowser();
  events = [];
});
afterEach(removeBrowser);

function connected(...ids) {
  const socket = new PresenceSocket("ws://server", owner);
  socket.subscribe(ids);
  latest().accept();
  return socket;
}

test("the delay depends on the close code", () => {
  const bounds = {
    1012: [1000, 5000],
    1013: [5000, 15_000],
    4429: [30_000, 90_000],
    1006: [500, 1000],
  };
  for (const [code, [least, most]] of Object.entries(bounds)) {
    for (const random of [0, 0.5, 0.999]) {
      mock.method(Math, "random", () => random);
      const delay = retryDelay(Number(code), 0);
      assert.ok(least <= delay && delay <= most, `${code}: ${delay}`);
    }
  }
});

test("the delay doubles with each failure, up to half a minute", () => {
  mock.method(Math, "random", () => 1);
  const delays = [0, 1, 2, 5, 6, 100].map((failures) => retryDelay(1006, failures));
  assert.deepEqual(delays, [1000, 2000, 4000, 30_000, 30_000, 30_000]);
});

test("it is connected from the first frame on", () => {
  const socket = connected(ANNA, BERT);
  assert.deepEqual(latest().ids, [ANNA, BERT]);
  assert.notEqual(socket.lostAt, 0);
  latest().receive("initial_data", ANNA, {});
  assert.equal(socket.lostAt, 0);
  assert.deepEqual(events, ["initial_data"]);
});

test("the old WebSocket stays open until the new one is", () => {
  const socket = connected(ANNA);
  const old = latest();
  socket.subscribe([ANNA, BERT]);
  assert.equal(old.readyState, FakeWebSocket.OPEN);
  old.receive("presence_update", ANNA, {});
  latest().accept();
  assert.notEqual(old.readyState, FakeWebSocket.OPEN);
  assert.equal(FakeWebSocket.all.length, 2);
  assert.deepEqual(events, ["presence_update"]);
});

test("a lost connection is retried, and its time is kept", () => {
  const socket = connected(ANNA);
  latest().receive("initial_data", ANNA, {});
  const lostAt = Date.now();
  latest().lose();
  assert.equal(socket.lostAt, lostAt);
  browser.pass(1000);
  assert.equal(FakeWebSocket.all.length, 2);
  latest().lose();
  assert.equal(socket.failures, 2);
  assert.equal(socket.lostAt, lostAt);
  assert.deepEqual(events, ["initial_data", "change", "change"]);
});

test("a handshake that hangs is given up after 15 s", () => {
  new PresenceSocket("ws://server", owner).subscribe([ANNA]);
  browser.pass(14_500);
  assert.equal(latest().readyState, 0);
  browser.pass(500);
  assert.equal(latest().readyState, 3);
});

test("a refusal is not retried", () => {
  for (const code of [4400, 4404]) {
    events = [];
    connected(ANNA);
    const opened = FakeWebSocket.all.length;
    latest().lose(code);
    browser.pass(120_000);
    assert.equal(FakeWebSocket.all.length, opened);
    assert.deepEqual(events, ["refused"]);
  }
});

test("other users do not shorten the delay", () => {
  mock.method(Math, "random", () => 1);
  const socket = connected(ANNA);
  latest().lose(4429);
  socket.subscribe([ANNA, BERT]);
  browser.pass(89_500);
  assert.equal(FakeWebSocket.all.length, 1);
  browser.pass(500);
  assert.deepEqual(latest().ids, [ANNA, BERT]);
});

test("a closed socket stays closed", () => {
  const socket = connected(ANNA);
  socket.close();
  latest().lose();
  browser.pass(120_000);
  assert.equal(FakeWebSocket.all.length, 1);
  assert.notEqual(socket.lostAt, 0);
});

test("an address that the page may not use counts as a failure", () => {
  globalThis.WebSocket = class {
    constructor() {
      throw new SyntaxError("blocked");
    }
  };
  const socket = new PresenceSocket("ws://server", owner);
  socket.subscribe([ANNA]);
  assert.equal(socket.failures, 1);
  assert.deepEqual(events, ["change"]);
});
