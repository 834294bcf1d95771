import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { fetchUser, Poll } from "../widget/poll.js";
import { installBrowser, removeBrowser, settle } from "./fake_browser.js";

const ID = "1274150219482660897";

const response = (status, body, headers = {}) =>
  new Response(JSON.stringify(body), { status, headers });

let browser;

beforeEach(() => {
  browser = installBrowser();
});
afterEach(removeBrowser);

function answerWith(answer) {
  return mock.method(globalThis, "fetch", async () => answer());
}

test("a presence comes with its age", async () => {
  const fetching = answerWith(() => response(200, { data: { status: "idle" } }));
  assert.deepEqual(await fetchUser("http://api", ID), { data: { status: "idle" }, age: 0 });
  assert.equal(fetching.mock.calls[0].arguments[0], `http://api/user/${ID}`);
  answerWith(() => response(200, { data: {} }, { "x-grux-stale": "240" }));
  assert.deepEqual(await fetchUser("http://api", ID), { data: {}, age: 240 });
});

test("an unknown user is an error, any other problem is retried", async () => {
  const error = { code: "user_not_monitored", message: "" };
  answerWith(() => response(404, { error }));
  assert.deepEqual(await fetchUser("http://api", ID), { error });
  answerWith(() => response(429, {}, { "retry-after": "600" }));
  assert.deepEqual(await fetchUser("http://api", ID), { retryAfter: 600_000 });
  answerWith(() => response(503, {}));
  assert.deepEqual(await fetchUser("http://api", ID), { retryAfter: 5000 });
});

test("one user is polled every ten seconds, until none is wanted", async () => {
  const fetching = answerWith(() => response(200, { data: {} }));
  let wanted = [ID];
  const responses = [];
  const poll = new Poll(
    "http://api",
    () => wanted,
    (id) => responses.push(id),
  );
  poll.start();
  poll.start(); // it is running already
  for (const count of [1, 2, 3]) {
    await settle();
    assert.equal(fetching.mock.callCount(), count);
    browser.pass(10_000);
  }
  await settle();
  wanted = [];
  browser.pass(10_000);
  await settle();
  assert.equal(poll.running, null);
  assert.deepEqual(responses, [ID, ID, ID, ID]);
});

test("fifty users are polled every 25 seconds", async () => {
  const fetching = answerWith(() => response(200, { data: {} }));
  const ids = Array.from({ length: 50 }, (_, number) => `${ID}${number}`);
  new Poll(
    "http://api",
    () => ids,
    () => {},
  ).start();
  await settle();
  browser.pass(24_500);
  await settle();
  assert.equal(fetching.mock.callCount(), 50);
  browser.pass(500);
  await settle();
  assert.equal(fetching.mock.callCount(), 100);
});

test("Retry-After is obeyed, and a failed request reports nothing new", async () => {
  const fetching = answerWith(() => response(429, {}, { "retry-after": "600" }));
  const responses = [];
  new Poll(
    "http://api",
    () => [ID],
    (...all) => responses.push(all),
  ).start();
  await settle();
  browser.pass(599_500);
  await settle();
  assert.equal(fetching.mock.callCount(), 1);
  assert.deepEqual(responses, []);
  mock.method(globalThis, "fetch", async () => {
    throw new TypeError("network");
  });
  browser.pass(500);
  await settle();
  assert.deepEqual(responses, [[ID, {}]]);
});
