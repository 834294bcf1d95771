import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { card, markPictureFailed } from "../widget/card.js";
import { installBrowser, removeBrowser } from "./fake_browser.js";

/** An element that keeps what is set on it, and nothing else. */
class FakeElement {
  children = [];
  attributes = {};

  constructor(name) {
    this.name = name;
  }

  setAttribute(name, value) {
    this.attributes[name] = value;
  }

  append(...children) {
    this.children.push(...children);
  }

  get text() {
    return this.children.map((child) => child.text ?? String(child)).join("");
  }

  /** All elements of this name in it. */
  all(name) {
    const elements = this.children.filter((child) => child instanceof FakeElement);
    const own = elements.filter((element) => element.name === name);
    return [...own, ...elements.flatMap((element) => element.all(name))];
  }
}

const DATA = {
  profile: {
    username: "robin",
    display_name: "Robin",
    link: "https://discord.com/users/1",
    avatar_image: "https://cdn.discordapp.com/a.png",
    avatar_decoration_image: null,
    nameplate_image: null,
    device: "mobile",
    clan: { tag: "GRUX", clan_image: null },
    badges: [],
  },
  status: "dnd",
  spotify: null,
  activity: [],
  custom_status: { text: "brb", emoji: { name: "🍵", image: null } },
};
const LIVE = { state: "live", since: 0, error: null };

const draw = (options) => card({ data: DATA, info: LIVE, hidden: new Set(), ...options });
const sources = (element) => element.all("img").map(({ attributes }) => attributes.src);

let browser;

beforeEach(() => {
  browser = installBrowser();
  document.createElement = (name) => new FakeElement(name);
});
afterEach(removeBrowser);

test("pronouns and links that the user wrote are shown, and can be hidden", () => {
  const links = [
    { label: "Home", url: "https://example.org/" },
    { label: "Trick", url: "javascript:alert(1)" },
  ];
  const data = { ...DATA, profile: { ...DATA.profile, pronouns: "they/them", links } };
  const drawn = draw({ data });
  assert.match(drawn.text, /they\/them/);
  assert.match(drawn.text, /HomeTrick/);
  const targets = drawn.all("a").map(({ attributes }) => attributes.href);
  assert.deepEqual(targets, ["https://discord.com/users/1", "https://example.org/"]);
  assert.doesNotMatch(draw({ data, compact: true }).text, /they|Home/);
  const { text } = draw({ data, hidden: new Set(["pronouns", "links"]) });
  assert.doesNotMatch(text, /they|Home/);
});

test("a card shows name, status, device and custom status", () => {
  const { text } = draw();
  for (const shown of ["Robin", "robin", "Do not disturb on a phone", "🍵 brb", "GRUX"]) {
    assert.ok(text.includes(shown), shown);
  }
});

test("hidden parts are left out", () => {
  const { text } = draw({ hidden: new Set(["custom-status", "clan"]) });
  assert.ok(!text.includes("brb"));
  assert.ok(!text.includes("GRUX"));
});

const STREAM = { name: "Twitch", type: "Streaming", details: "Rust", state: null, timestamps: {} };

test("a user who streams is shown as streaming, unless the stream is hidden", () => {
  const data = { ...DATA, activity: [STREAM] };
  const shown = draw({ data });
  assert.equal(shown.attributes["data-status"], "streaming");
  assert.ok(shown.text.includes("Streaming on a phone"));
  const hidden = draw({ data, hidden: new Set(["activities"]) });
  assert.equal(hidden.attributes["data-status"], "dnd");
  assert.ok(hidden.text.includes("Do not disturb on a phone"));
});

test("a card without a user says so", () => {
  const info = { state: "error", since: 0, error: { code: "no_user" } };
  assert.ok(draw({ data: null, info }).text.includes("Set the attribute user"));
});

test("a picture that failed is replaced by a letter for a minute", () => {
  const url = DATA.profile.avatar_image;
  assert.deepEqual(sources(draw()), [url]);
  markPictureFailed(url);
  assert.deepEqual(sources(draw()), []);
  browser.pass(59_000);
  assert.deepEqual(sources(draw()), []);
  browser.pass(1000);
  assert.deepEqual(sources(draw()), [url]);
});

test("a picture at a loopback address is loaded from the server's host", () => {
  const avatar_image = "http://127.0.0.1:8100/cdn/a.png";
  const data = { ...DATA, profile: { ...DATA.profile, avatar_image } };
  assert.deepEqual(sources(draw({ data, server: "http://localhost:8000" })), [avatar_image]);
  const shown = sources(draw({ data, server: "http://192.0.2.7:8000" }));
  assert.deepEqual(shown, ["http://192.0.2.7:8100/cdn/a.png"]);
});

test("unsafe addresses are neither loaded nor linked", () => {
  for (const url of ["javascript:alert(1)", "data:,x", "http://evil.example/x", null]) {
    const profile = { ...DATA.profile, avatar_image: url, link: "javascript:alert(1)" };
    const element = draw({ data: { ...DATA, profile } });
    assert.deepEqual(sources(element), []);
    assert.deepEqual(element.all("a"), []);
  }
});

test("a user that is not monitored is offered the invite", () => {
  const invite = "https://discord.gg/example";
  const error = { code: "user_not_monitored", discord_invite: invite };
  const element = draw({ data: null, info: { state: "error", since: 0, error } });
  assert.ok(element.text.includes("This user is not in any server that Grux monitors."));
  assert.equal(element.all("a")[0].attributes.href, invite);
});

test("a server that cannot be reached is named as the reason", () => {
  const loading = draw({ data: null, info: { state: "loading", since: 0, error: null } });
  assert.equal(loading.text, "");
  const stale = draw({ data: null, info: { state: "stale", since: 0, error: null } });
  assert.ok(stale.text.includes("The server cannot be reached."));
});

test("who is seen no more was seen last, in either size", () => {
  const seen = Date.now() - 3 * 3_600_000;
  const data = { ...DATA, status: "invisible", custom_status: null };
  for (const compact of [false, true]) {
    const times = draw({ data, seen, compact }).all("time");
    assert.deepEqual(
      times.map(({ attributes }) => [attributes["data-time"], attributes["data-start"]]),
      [["ago", seen]],
    );
    assert.match(draw({ data, seen, compact }).text, /last seen /);
    assert.doesNotMatch(draw({ data, seen: null, compact }).text, /seen/);
  }
});

test("a history is a list of at most five entries, without what is hidden", () => {
  const now = Date.now();
  const entries = Array.from({ length: 8 }, (_, number) => ({
    kind: number ? "listening" : "playing",
    name: number % 2 ? "Spotify" : "Chess",
    details: `Title ${number}`,
    state: null,
    image: "https://example.org/image.png",
    started_at: now - 5 * 60_000,
    ended_at: number ? now - 60_000 : null,
  }));
  const drawn = draw({ recent: entries });
  assert.deepEqual(drawn.all("ul")[0].attributes, {
    role: "list",
    "aria-label": "Recent activities",
  });
  assert.equal(drawn.all("li").length, 5);
  const [first, second] = drawn.all("li").map(({ text }) => text);
  assert.equal(first, "Chess · Title 0Playing for ");
  assert.equal(second, "Title 1Listened for 4 min, ");
  const hidden = draw({ recent: entries, hidden: new Set(["spotify"]) });
  assert.deepEqual(
    hidden.all("b").map(({ text }) => text),
    ["Chess", "Title 2", "Title 4", "Title 6"],
  );
  const none = draw({ recent: entries, hidden: new Set(["spotify", "activities"]) });
  assert.deepEqual(none.all("ul"), []);
  assert.deepEqual(draw().all("ul"), []);
});
