import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { configure, Feed, feedOf, isId } from "../widget/feed.js";
import { FakeWebSocket, installBrowser, removeBrowser, settle } from "./fake_browser.js";

const ANNA = "1274150219482660897";
const BERT = "1274150219482660898";
const STATE = { profile: { id: ANNA }, status: "online", spotify: null };
const INVITE = "https://discord.gg/example";

let browser;
let feed;
let requests;

const latest = () => FakeWebSocket.all.at(-1);
const open = () => FakeWebSocket.all.filter(({ readyState }) => readyState < 2);
const offline = async () => {
  throw new TypeError("network");
};

beforeEach(() => {
  browser = installBrowser();
  requests = mock.method(globalThis, "fetch", offline);
  feed = new Feed("http://api", "ws://server", INVITE);
});
afterEach(removeBrowser);

/** Subscribe, and return the calls as `[status, state]`, with the end of the subscription. */
function follow(id = ANNA) {
  const calls = [];
  const stop = feed.subscribe(id, (data, info) => calls.push([data?.status ?? null, info.state]));
  return { calls, stop };
}

/** A subscription whose socket is connected. */
async function live(id = ANNA) {
  const subscription = follow(id);
  browser.pass(500);
  latest().accept();
  latest().receive("initial_data", id, STATE);
  await settle();
  return subscription;
}

test("ids are checked as the server checks them", () => {
  assert.ok(isId(ANNA));
  for (const text of ["", "robin", "123", `0${ANNA}`, `${ANNA} `, "18446744073709551615"]) {
    assert.ok(!isId(text), text);
  }
});

test("a subscriber gets the state now, and each change", async () => {
  const { calls } = follow();
  await settle();
  assert.deepEqual(calls, [[null, "loading"]]);
  browser.pass(500);
  latest().accept();
  latest().receive("initial_data", ANNA, STATE);
  latest().receive("presence_update", ANNA, { status: "dnd" });
  assert.deepEqual(calls.slice(1), [
    ["online", "live"],
    ["dnd", "live"],
  ]);
});

test("a presence_update keeps the profile, a profile_update keeps the presence", async () => {
  let last;
  feed.subscribe(ANNA, (data) => {
    last = data;
  });
  await live();
  latest().receive("presence_update", ANNA, { status: "idle", spotify: null });
  latest().receive("profile_update", ANNA, { profile: { id: ANNA, bio: "hi" } });
  assert.deepEqual(last, { profile: { id: ANNA, bio: "hi" }, status: "idle", spotify: null });
});

test("a later subscriber of the same user needs no other socket", async () => {
  await live();
  const { calls } = follow();
  browser.pass(500);
  await settle();
  assert.deepEqual(calls, [["online", "live"]]);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("fifty users share a socket, and the next one needs another", () => {
  for (let number = 0; number < 51; number++) follow(String(BigInt(ANNA) + BigInt(number)));
  browser.pass(500);
  assert.deepEqual(
    FakeWebSocket.all.map(({ ids }) => ids.length),
    [50, 1],
  );
});

test("a user without subscribers leaves, and the last one closes the socket", async () => {
  const { calls, stop } = await live();
  stop();
  browser.pass(500);
  assert.deepEqual(latest().takeSent(), [["unsubscribe", ANNA]]);
  browser.pass(30_000);
  assert.deepEqual(open(), []);
  const count = calls.length;
  latest().receive("presence_update", ANNA, { status: "dnd" });
  assert.equal(calls.length, count);
});

test("widgets come and go on one socket", async () => {
  const first = await live();
  for (const id of [BERT, ANNA, BERT]) {
    const { calls, stop } = follow(id);
    browser.pass(2000);
    latest().receive("initial_data", id, { ...STATE, status: "dnd" });
    assert.deepEqual(calls.at(-1), ["dnd", "live"]);
    stop();
    browser.pass(2000);
  }
  first.stop();
  browser.pass(2000);
  const { calls } = follow(ANNA);
  browser.pass(2000);
  assert.deepEqual(calls.at(-1), [null, "loading"]);
  latest().receive("initial_data", ANNA, STATE);
  assert.deepEqual(calls.at(-1), ["online", "live"]);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("a user who was refused is asked for again on the same socket", async () => {
  await live();
  const { calls } = follow(BERT);
  browser.pass(2000);
  latest().receive("error", BERT, { code: "user_not_monitored", message: "No." });
  assert.deepEqual(calls.at(-1), [null, "error"]);
  latest().takeSent();
  follow(BERT);
  browser.pass(2000);
  assert.deepEqual(latest().takeSent(), [["subscribe", BERT]]);
  latest().receive("initial_data", BERT, STATE);
  assert.deepEqual(calls.at(-1), ["online", "live"]);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("a subscription that ended before its first call is not called", async () => {
  const { calls, stop } = follow();
  stop();
  await settle();
  assert.deepEqual(calls, []);
});

test("an invalid id opens no socket", async () => {
  const { calls } = follow("robin");
  browser.pass(500);
  await settle();
  assert.deepEqual(calls, [[null, "error"]]);
  assert.deepEqual(FakeWebSocket.all, []);
});

test("one refused user of two leaves the other on the socket", async () => {
  const errors = [];
  follow();
  feed.subscribe(BERT, (_, { error }) => errors.push(error));
  browser.pass(500);
  latest().accept();
  latest().receive("initial_data", ANNA, STATE);
  latest().receive("error", BERT, { code: "user_not_monitored", message: "No." });
  assert.deepEqual(errors.at(-1), {
    code: "user_not_monitored",
    message: "No.",
    discord_invite: INVITE,
  });
  browser.pass(60_000);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("the same refusal is told again to those who ask again", async () => {
  const first = await live(BERT);
  const refused = follow();
  browser.pass(500);
  latest().receive("error", ANNA, { code: "user_not_monitored" });
  const { calls } = follow();
  await settle();
  browser.pass(100);
  latest().receive("error", ANNA, { code: "user_not_monitored" });
  for (const one of [refused.calls, calls]) assert.deepEqual(one.at(-1), [null, "error"]);
  first.stop();
});

test("a state that is sent again is no change", async () => {
  const { calls } = await live();
  const count = calls.length;
  latest().receive("initial_data", ANNA, { ...STATE });
  latest().receive("presence_update", ANNA, { status: "online" });
  assert.equal(calls.length, count);
  latest().receive("presence_update", ANNA, { status: "dnd" });
  assert.deepEqual(calls.at(-1), ["dnd", "live"]);
});

test("a temporary error changes nothing", async () => {
  const { calls } = await live();
  const count = calls.length;
  latest().receive("error", ANNA, { code: "unavailable", message: "" });
  assert.equal(calls.length, count);
});

test("a server that only says that it is unavailable does not count as connected", async () => {
  const { calls } = await live();
  latest().lose(1013);
  for (let seconds = 0; seconds < 60; seconds++) {
    browser.pass(1000);
    if (latest().readyState === 0) {
      latest().accept();
      latest().receive("error", ANNA, { code: "unavailable", message: "" });
      latest().lose(1013);
    }
    await settle();
  }
  const states = calls.map(([, state]) => state);
  assert.deepEqual([...new Set(states)], ["live", "stale"]);
  assert.ok(!states.slice(states.indexOf("stale")).includes("live"), states.join());
  assert.ok(requests.mock.callCount() > 0); // it was polled
});

test("a refused socket without a refused user is an error of all", async () => {
  const { calls } = follow();
  browser.pass(500);
  latest().lose(4400);
  assert.deepEqual(calls.at(-1), [null, "error"]);
  browser.pass(60_000);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("a short disconnect is not shown, a longer one is", async () => {
  const { calls } = await live();
  latest().lose(1013);
  browser.pass(4000);
  assert.deepEqual(calls.at(-1), ["online", "live"]);
  browser.pass(8000);
  assert.deepEqual(calls.at(-1), ["online", "stale"]);
});

test("without sockets the user is polled", async () => {
  const { calls } = await live();
  const body = { data: { ...STATE, status: "idle" } };
  requests.mock.mockImplementation(async () => Response.json(body));
  latest().lose(4429);
  browser.pass(10_000);
  await settle();
  assert.deepEqual(calls.at(-1), ["idle", "polling"]);
  assert.ok(requests.mock.callCount() > 0);
});

test("a polled state that the server calls stale is stale", async () => {
  const { calls } = await live();
  const headers = { "x-grux-stale": "240" };
  requests.mock.mockImplementation(async () => Response.json({ data: STATE }, { headers }));
  latest().lose(4429);
  browser.pass(10_000);
  await settle();
  assert.deepEqual(calls.at(-1), ["online", "stale"]);
});

test("a response that a socket has overtaken is dropped", async () => {
  const { calls } = await live();
  const { promise, resolve } = deferred();
  requests.mock.mockImplementation(() => promise);
  latest().lose(4429);
  browser.pass(90_000);
  await settle();
  latest().accept();
  latest().receive("initial_data", ANNA, { ...STATE, status: "dnd" });
  resolve(Response.json({ data: { ...STATE, status: "idle" } }));
  await settle();
  assert.deepEqual(calls.at(-1), ["dnd", "live"]);
});

function deferred() {
  let resolve;
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

test("a hidden tab disconnects after half a minute, and reconnects when it is shown", async () => {
  await live();
  browser.hide(true);
  browser.pass(29_000);
  assert.equal(open().length, 1);
  browser.pass(1000);
  assert.deepEqual(open(), []);
  browser.pass(600_000);
  assert.equal(FakeWebSocket.all.length, 1);
  assert.equal(requests.mock.callCount(), 0);
  browser.hide(false);
  assert.equal(open().length, 1);
});

test("what a tab was shown before it slept is stale after eight seconds", async () => {
  const { calls } = await live();
  browser.hide(true);
  browser.pass(10_800_000);
  assert.deepEqual(calls.at(-1), ["online", "live"]);
  browser.hide(false);
  latest().lose(1006);
  browser.pass(7000);
  assert.deepEqual(calls.at(-1), ["online", "live"]);
  browser.pass(3000);
  assert.deepEqual(calls.at(-1), ["online", "stale"]);
});

test("a tab that is shown again soon keeps its socket", async () => {
  await live();
  browser.hide(true);
  browser.pass(15_000);
  browser.hide(false);
  browser.pass(60_000);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("after a suspend the sockets are replaced", async () => {
  await live();
  mock.timers.setTime(Date.now() + 3_600_000);
  browser.pass(2000);
  assert.equal(FakeWebSocket.all.length, 2);
});

test("after a suspend, a socket that says nothing does not count as live", async () => {
  const { calls } = await live();
  mock.timers.setTime(Date.now() + 3_600_000);
  browser.pass(12_000);
  await settle();
  assert.deepEqual(calls.at(-1), ["online", "stale"]);
  assert.ok(requests.mock.callCount() > 0);
});

test("a network that is back is used at once", async () => {
  await live();
  latest().lose(4429);
  browser.page.dispatchEvent(new Event("online"));
  assert.equal(FakeWebSocket.all.length, 2);
});

test("feeds are shared by address", () => {
  configure("http://api/", "ws://socket/", INVITE);
  const own = feedOf();
  assert.equal(feedOf("http://api", null), own);
  assert.deepEqual([own.socketUrl, own.invite], ["ws://socket", INVITE]);
  const other = feedOf("https://other.example/");
  assert.notEqual(other, own);
  assert.deepEqual([other.socketUrl, other.invite], ["wss://other.example", ""]);
  assert.equal(feedOf("https://other.example", "wss://other.example/"), other);
});
