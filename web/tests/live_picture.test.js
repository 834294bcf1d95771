import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { LivePicture } from "../page/live_picture.js";
import { installBrowser, removeBrowser, settle } from "./fake_browser.js";

const ANNA = "1274150219482660897";
const BERT = "1274150219482660898";
const LIVE = { state: "live" };

let browser;
let loads; // every picture, until the test decides how it ends
let followed; // user id to callback
let place;
let preview;

class FakeImage {
  decode() {
    loads.push(this);
    return new Promise((succeed, fail) => Object.assign(this, { succeed, fail }));
  }
}

beforeEach(() => {
  browser = installBrowser();
  loads = [];
  followed = new Map();
  place = { replaceChildren: (child) => Object.assign(place, { child, textContent: "" }) };
  globalThis.Image = FakeImage;
  globalThis.window = {
    Grux: {
      subscribe(id, callback) {
        followed.set(id, callback);
        return () => followed.delete(id);
      },
    },
  };
  preview = new LivePicture(place);
});
afterEach(() => {
  removeBrowser();
  for (const name of ["Image", "window"]) delete globalThis[name];
});

const show = (path, id = ANNA) => preview.show(path, id, "A card");
const hear = (data, info = LIVE, id = ANNA) => followed.get(id)(data, info);

/** The address of the only picture that is being loaded, which ends so. */
async function loaded(end = "succeed") {
  const [picture, ...others] = loads.splice(0);
  assert.deepEqual(others, []);
  picture[end]();
  await settle();
  return picture.src;
}

/** Shown for the first time, with a known presence. */
async function shown() {
  show("card/1.svg");
  hear({ status: "online" });
  browser.pass(500);
  return loaded();
}

test("the first picture is loaded once, when the presence is known", async () => {
  show("card/1.svg");
  hear(null, { state: "loading" });
  assert.equal(loads.length, 0);
  hear({ status: "online" });
  browser.pass(5000);
  assert.match(await loaded(), /^card\/1\.svg\?at=\d+$/);
  assert.equal(place.child.alt, "A card");
});

test("it does not wait for a presence that does not come", async () => {
  show("card/1.svg");
  browser.pass(1000);
  await loaded();
  hear({ status: "online" });
  browser.pass(3000);
  await loaded();
});

test("it is loaded again at each change, from an address that no cache knows", async () => {
  const first = await shown();
  hear({ status: "online" }); // as after a lost connection
  browser.pass(5000);
  assert.equal(loads.length, 0);
  hear({ status: "dnd" });
  browser.pass(500);
  assert.notEqual(await loaded(), first);
  hear(null, { state: "error" }); // the picture says why
  browser.pass(3000);
  await loaded();
});

test("many changes are few pictures, and the last one is in them", async () => {
  await shown();
  const addresses = new Set();
  for (let second = 0; second < 30; second++) {
    hear({ second });
    browser.pass(1000);
    if (loads.length) addresses.add(await loaded());
  }
  assert.ok(addresses.size >= 9 && addresses.size <= 10, String(addresses.size));
  browser.pass(3000);
  if (loads.length) await loaded();
  hear({ second: 29 }); // it is in the last picture
  browser.pass(3000);
  assert.equal(loads.length, 0);
});

test("an option changes it at once, and keeps what the caches know", async () => {
  const at = (await shown()).split("at=")[1];
  show("card/1.svg?theme=light");
  browser.pass(500);
  assert.equal(await loaded(), `card/1.svg?theme=light&at=${at}`);
});

test("a picture that is late does not replace a newer one", async () => {
  await shown();
  show("card/1.svg?theme=light");
  browser.pass(500);
  show("card/1.svg?theme=auto");
  browser.pass(500);
  const [late, newer] = loads;
  newer.succeed();
  await settle();
  late.succeed();
  await settle();
  assert.equal(place.child, newer);
});

test("a failure is said where nothing is shown, and the next try replaces it", async () => {
  show("card/1.svg");
  browser.pass(1000);
  await loaded("fail");
  assert.match(place.textContent, /cannot be loaded/);
  show("card/1.svg");
  browser.pass(1000);
  await loaded();
  assert.equal(place.textContent, "");
  hear({ status: "dnd" });
  browser.pass(3000);
  await loaded("fail"); // the picture before it stays
  assert.equal(place.textContent, "");
});

test("another user is followed instead, and none after the end", async () => {
  await shown();
  show("card/2.svg", BERT);
  assert.deepEqual([...followed.keys()], [BERT]);
  preview.stop();
  browser.pass(5000);
  assert.deepEqual([followed.size, loads.length], [0, 0]);
});
