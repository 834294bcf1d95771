import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { PresenceSocket, retryDelay } from "../widget/socket.js";
import { FakeWebSocket, installBrowser, removeBrowser } from "./fake_browser.js";

const ANNA = "1274150219482660897";
const BERT = "1274150219482660898";
const CARL = "1274150219482660899";

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

function following(...ids) {
  const socket = new PresenceSocket("ws://server", owner);
  change(socket, ids);
  return socket;
}

function connected(...ids) {
  const socket = following(...ids);
  latest().accept();
  return socket;
}

/** These users come, and those go. */
function change(socket, come, go = []) {
  for (const id of go) socket.remove(id);
  for (const id of come) socket.add(id);
  socket.apply();
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

test("users come and go on the open WebSocket", () => {
  const socket = connected(ANNA);
  change(socket, [BERT], [ANNA]);
  assert.deepEqual(latest().takeSent(), [
    ["unsubscribe", ANNA],
    ["subscribe", BERT],
  ]);
  latest().receive("initial_data", BERT, {});
  browser.pass(60_000);
  assert.equal(FakeWebSocket.all.length, 1);
  assert.deepEqual(latest().takeSent(), []);
});

test("changes are sent at once, and then not more often than the server allows", () => {
  const socket = connected(ANNA);
  let messages = 0;
  for (let ms = 0; ms < 60_000; ms += 500) {
    change(socket, ms % 1000 ? [BERT] : [CARL], ms % 1000 ? [CARL] : [BERT]);
    messages += latest().takeSent().length;
    if (!ms) assert.equal(messages, 1);
    latest().receive("initial_data", BERT, {});
    browser.pass(500);
  }
  assert.ok(messages > 30 && messages < 100, String(messages));
});

test("a user who has left and come again needs initial_data again", () => {
  const socket = connected(ANNA);
  change(socket, [BERT]);
  latest().takeSent();
  change(socket, [ANNA], [ANNA]);
  browser.pass(1500);
  assert.deepEqual(latest().takeSent(), [["subscribe", ANNA]]);
});

test("users who come while it connects are asked for when it is open", () => {
  const socket = following(ANNA, BERT);
  change(socket, [CARL], [ANNA]);
  assert.equal(FakeWebSocket.all.length, 1);
  latest().accept();
  assert.deepEqual(latest().takeSent(), [
    ["unsubscribe", ANNA],
    ["subscribe", CARL],
  ]);
});

test("without users it stays open for half a minute", () => {
  const socket = connected(ANNA);
  change(socket, [], [ANNA]);
  assert.deepEqual(latest().takeSent(), [["unsubscribe", ANNA]]);
  browser.pass(29_500);
  change(socket, [BERT]);
  assert.deepEqual(latest().takeSent(), [["subscribe", BERT]]);
  latest().receive("initial_data", BERT, {});
  browser.pass(60_000);
  change(socket, [], [BERT]);
  assert.equal(latest().readyState, FakeWebSocket.OPEN);
  browser.pass(30_000);
  assert.equal(latest().readyState, 3);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("a connection that is lost without users is opened for the next one", () => {
  const socket = connected(ANNA);
  latest().receive("initial_data", ANNA, {});
  change(socket, [], [ANNA]);
  latest().lose();
  browser.pass(60_000);
  assert.equal(FakeWebSocket.all.length, 1);
  change(socket, [BERT]);
  assert.deepEqual(latest().ids, [BERT]);
  assert.equal(socket.lostAt, Date.now());
});

test("a reconnect asks for the users of that moment", () => {
  const socket = connected(ANNA);
  change(socket, [BERT], [ANNA]);
  latest().lose();
  change(socket, [CARL]);
  browser.pass(1000);
  assert.deepEqual(latest().ids, [BERT, CARL]);
  latest().accept();
  assert.deepEqual(latest().takeSent(), []);
});

test("a user whom the server refuses is not unsubscribed from", () => {
  const socket = connected(ANNA, BERT);
  socket.drop(BERT);
  change(socket, [CARL]);
  assert.deepEqual(latest().takeSent(), [["subscribe", CARL]]);
});

test("an older server gets a new WebSocket, and the old one stays open until then", () => {
  const socket = connected(ANNA);
  const old = latest();
  change(socket, [BERT]);
  browser.pass(4500);
  old.receive("presence_update", BERT, {}); // no answer
  assert.equal(FakeWebSocket.all.length, 1);
  browser.pass(500);
  assert.deepEqual(latest().ids, [ANNA, BERT]);
  assert.equal(old.readyState, FakeWebSocket.OPEN);
  latest().accept();
  assert.notEqual(old.readyState, FakeWebSocket.OPEN);
  change(socket, [CARL]); // now it is known to be older
  assert.deepEqual(latest().ids, [ANNA, BERT, CARL]);
  latest().accept();
  change(socket, [], [ANNA]);
  assert.deepEqual(latest().takeSent(), []);
  change(socket, [], [BERT, CARL]);
  assert.equal(latest().readyState, 3);
  assert.equal(FakeWebSocket.all.length, 3);
});

test("a server that has answered once may take its time", () => {
  const socket = connected(ANNA);
  change(socket, [BERT, CARL]);
  latest().receive("error", BERT, {});
  browser.pass(60_000);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("a slow server is not taken for an older one for long", () => {
  const socket = connected(ANNA);
  change(socket, [BERT]);
  browser.pass(5000);
  latest().accept(); // for both
  change(socket, [CARL]);
  assert.deepEqual(latest().ids, [ANNA, BERT, CARL]);
  latest().accept();
  browser.pass(60_000);
  change(socket, [], [CARL]);
  change(socket, [CARL]);
  assert.deepEqual(latest().takeSent().at(-1), ["unsubscribe", CARL]);
  browser.pass(1500);
  assert.deepEqual(latest().takeSent(), [["subscribe", CARL]]);
  latest().receive("initial_data", CARL, {});
  browser.pass(60_000);
  assert.equal(FakeWebSocket.all.length, 3);
});

test("an answer that comes late keeps the WebSocket", () => {
  const socket = connected(ANNA);
  const [slow] = FakeWebSocket.all;
  change(socket, [BERT]);
  slow.takeSent();
  browser.pass(5000);
  assert.deepEqual(latest().ids, [ANNA, BERT]);
  change(socket, [CARL]);
  slow.receive("initial_data", BERT, {});
  assert.equal(socket.socket, slow);
  assert.deepEqual(slow.takeSent(), [["subscribe", CARL]]);
  const [, unneeded] = FakeWebSocket.all;
  for (const given of FakeWebSocket.all.slice(1)) given.accept();
  assert.notEqual(unneeded.readyState, FakeWebSocket.OPEN);
  assert.equal(socket.socket, slow);
});

test("a new connection is to a server that may be a newer one", () => {
  const socket = connected(ANNA);
  change(socket, [BERT]);
  browser.pass(5000);
  latest().accept();
  latest().lose(1012);
  browser.pass(5000);
  latest().accept();
  change(socket, [CARL]);
  assert.deepEqual(latest().takeSent(), [["subscribe", CARL]]);
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
  following(ANNA);
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
  change(socket, [BERT]);
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
  const socket = following(ANNA);
  assert.equal(socket.failures, 1);
  assert.deepEqual(events, ["change"]);
});
