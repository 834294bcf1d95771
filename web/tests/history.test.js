import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Recent } from "../widget/history.js";
import { installBrowser, removeBrowser, settle } from "./fake_browser.js";

const ENTRY = { kind: "playing", name: "Chess", started_at: 1, ended_at: 2 };
const online = () => ({ status: "online", last_seen: null });

let browser;
let fetching;
let followed = [];

beforeEach(() => {
  browser = installBrowser();
  fetching = answerWith(200, { data: { last_seen: null, recent: [ENTRY] } });
});
afterEach(() => {
  for (const { recent, draw } of followed) recent.unfollow(draw);
  followed = [];
  browser.pass(60_000); // until they are forgotten
  removeBrowser();
});

function answerWith(status, body, headers = {}) {
  return mock.method(
    globalThis,
    "fetch",
    async () => new Response(JSON.stringify(body), { status, headers }),
  );
}

/** Somebody who draws the recent activities of user 1. */
function follow() {
  const recent = Recent.of("http://api", "1");
  const draw = mock.fn();
  recent.follow(draw);
  followed.push({ recent, draw });
  return { recent, draw };
}

async function pass(ms) {
  browser.pass(ms);
  for (let turn = 0; turn < 3; turn++) await settle(); // fetch, the body, and what follows
}

test("of people who keep no history, nothing is requested", async () => {
  const { recent } = follow();
  recent.onPresence(null);
  recent.onPresence({ status: "online" });
  await pass(120_000);
  assert.equal(fetching.mock.callCount(), 0);
  assert.equal(recent.isPending, false);
});

test("the entries are requested once, for all widgets of the user", async () => {
  const [first, second] = [follow(), follow()];
  assert.equal(first.recent, second.recent);
  const data = online();
  first.recent.onPresence(data);
  second.recent.onPresence(data);
  assert.equal(first.recent.isPending, true);
  await pass(500);
  assert.deepEqual(first.recent.entries, [ENTRY]);
  assert.equal(first.recent.isPending, false);
  assert.deepEqual([first.draw.mock.callCount(), second.draw.mock.callCount()], [1, 1]);
  assert.equal(fetching.mock.calls[0].arguments[0], "http://api/history/1");
  await pass(600_000);
  assert.equal(fetching.mock.callCount(), 1);
});

test("a card that is moved keeps its entries, and requests nothing", async () => {
  const before = follow();
  before.recent.onPresence(online());
  await pass(5000);
  before.recent.unfollow(before.draw);
  const { recent } = follow();
  assert.deepEqual(recent.entries, [ENTRY]);
  recent.onPresence(online());
  await pass(5000);
  assert.equal(fetching.mock.callCount(), 1);
  await pass(60_000);
  assert.equal(fetching.mock.callCount(), 2);
  assert.equal(Recent.of("http://api", "1"), recent); // which somebody follows
});

test("a change is followed by a request, at most every half minute", async () => {
  const { recent } = follow();
  recent.onPresence(online());
  await pass(500);
  for (let second = 0; second < 60; second++) {
    recent.onPresence(online());
    await pass(1000);
  }
  assert.ok(fetching.mock.callCount() <= 3);
  await pass(600_000);
  assert.ok(fetching.mock.callCount() <= 4);
  const before = fetching.mock.callCount();
  recent.onPresence(online());
  await pass(3500); // the server has not recorded it yet
  assert.equal(fetching.mock.callCount(), before);
  await pass(500);
  assert.equal(fetching.mock.callCount(), before + 1);
});

test("the last change is never missed", async () => {
  const { recent } = follow();
  recent.onPresence(online());
  await pass(60_000);
  recent.onPresence(online());
  await pass(3500);
  recent.onPresence(online()); // half a second before the request, which comes too early for it
  await pass(500);
  assert.equal(fetching.mock.callCount(), 2);
  await pass(30_000);
  assert.equal(fetching.mock.callCount(), 3);
  await pass(600_000);
  assert.equal(fetching.mock.callCount(), 3);
});

test("a history that is off is not requested again, until it must be on", async () => {
  const { recent } = follow();
  recent.onPresence(online());
  await pass(500);
  fetching = answerWith(404, { error: { code: "history_off" } });
  recent.onPresence(online());
  await pass(60_000);
  assert.deepEqual(recent.entries, []);
  for (let change = 0; change < 5; change++) {
    recent.onPresence(online());
    await pass(60_000);
  }
  assert.equal(fetching.mock.callCount(), 1);
  recent.onPresence({ status: "invisible", last_seen: 1_800_000_000_000 });
  await pass(60_000);
  assert.equal(fetching.mock.callCount(), 2);
});

test("Retry-After is obeyed, and a card does not wait for it", async () => {
  fetching = answerWith(503, {}, { "retry-after": "90" });
  const { recent, draw } = follow();
  recent.onPresence(online());
  await pass(1000);
  assert.equal(recent.isPending, false);
  assert.equal(draw.mock.callCount(), 1);
  await pass(89_500);
  assert.equal(fetching.mock.callCount(), 1);
  fetching = mock.method(globalThis, "fetch", async () => {
    throw new TypeError("network");
  });
  await pass(1000);
  assert.equal(fetching.mock.callCount(), 1);
  await pass(29_000);
  assert.equal(fetching.mock.callCount(), 1);
  await pass(2000);
  assert.equal(fetching.mock.callCount(), 2);
});

test("who is not shown any more has no entries, and without followers nothing is requested", async () => {
  const { recent, draw } = follow();
  recent.onPresence(online());
  await pass(500);
  recent.onPresence(null);
  assert.deepEqual(recent.entries, []);
  recent.onPresence(online());
  recent.unfollow(draw);
  await pass(600_000);
  assert.equal(fetching.mock.callCount(), 1);
  assert.notEqual(Recent.of("http://api", "1"), recent);
});
