import assert from "node:assert/strict";
import { test } from "node:test";
import { asSentence, controlOf, isChanged, isEmpty, isOfList, patchOf } from "../me/patch.js";

const NOW = 1_800_000_000_000;

/** As much of the form as the module reads. */
function form({ links = [] } = {}) {
  const controls = [
    { name: "more_applications", id: "more_applications", value: "" },
    { name: "bio", id: "bio", value: "" },
    { name: "pause", id: "pause", value: "" },
    { name: "history", id: "history-level", value: "off" },
  ];
  const rows = links.map(([label, url]) => {
    const inputs = [
      { name: "link_label", value: label },
      { name: "link_url", value: url },
    ];
    return {
      inputs,
      querySelectorAll: () => inputs,
      querySelector: (selector) => inputs.find(({ name }) => selector.includes(`"${name}"`)),
    };
  });
  const matching = (selector) => {
    if (selector === ".link") return rows;
    const [, key, value] = /(name|id)="([^"]+)"/.exec(selector);
    return controls.filter((control) => control[key] === value);
  };
  return {
    rows,
    querySelectorAll: matching,
    querySelector: (selector) => matching(selector)[0] ?? null,
  };
}

/** The change of one control, where the server has these settings. */
const change = (control, settings) => patchOf(form(), control, { settings });

test("a switch of what is shown changes one entry of what is hidden", () => {
  const settings = { hide: ["spotify", "not_on_the_page"] };
  const badges = { name: "show", value: "badges", checked: false };
  assert.deepEqual(change(badges, settings), { hide: ["spotify", "not_on_the_page", "badges"] });
  const spotify = { name: "show", value: "spotify", checked: true };
  assert.deepEqual(change(spotify, settings), { hide: ["not_on_the_page"] });
});

test("the main switch and the texts send their own value", () => {
  assert.deepEqual(patchOf(form(), { name: "visible", checked: false }), { visible: false });
  assert.deepEqual(patchOf(form(), { name: "bio", value: " a " }), { bio: " a " });
  assert.deepEqual(patchOf(form(), { name: "pronouns", value: "" }), { pronouns: "" });
  assert.deepEqual(patchOf(form(), { name: "history", value: "recent" }), { history: "recent" });
});

test("a pause is sent as the time of its end", () => {
  const pause = (value) => patchOf(form(), { name: "pause", value }, { now: NOW });
  assert.deepEqual(pause("8"), { paused_until: NOW + 8 * 3_600_000 });
  assert.deepEqual(pause("0"), { paused_until: 0 });
  assert.equal(pause(""), null);
});

test("applications that are chosen and typed are one list, each once", () => {
  const settings = { hide_applications: ["1", "2"] };
  const typed = { name: "more_applications", value: " 3, 1;4 " };
  assert.deepEqual(change(typed, settings), { hide_applications: ["2", "3", "1", "4"] });
  const shown = { name: "hide_application", value: "1", checked: false };
  assert.deepEqual(change(shown, settings), { hide_applications: ["2"] });
  const hidden = { name: "hide_application", value: "5", checked: true };
  assert.deepEqual(change(hidden, settings), { hide_applications: ["1", "2", "5"] });
});

test("the chosen accounts are sent as a whole", () => {
  const settings = { connected_accounts: ["github:1"] };
  const domain = { name: "connected", value: "domain:a, b.example", checked: true };
  assert.deepEqual(change(domain, settings), {
    connected_accounts: ["github:1", "domain:a, b.example"],
  });
  const github = { name: "connected", value: "github:1", checked: false };
  assert.deepEqual(change(github, settings), { connected_accounts: [] });
});

test("the settings are needed for lists alone", () => {
  for (const name of ["show", "hide_application", "more_applications", "connected"])
    assert.ok(isOfList({ name }));
  for (const name of ["visible", "pause", "bio", "link_url", "history"])
    assert.ok(!isOfList({ name }));
});

test("rows of links without text are left out", () => {
  const some = form({
    links: [
      ["A", " https://a.example "],
      ["", " "],
      ["B", ""],
    ],
  });
  const links = [
    { label: "A", url: "https://a.example" },
    { label: "B", url: "" },
  ];
  for (const name of ["link_label", "link_url"])
    assert.deepEqual(patchOf(some, { name }), { links });
  assert.deepEqual(some.rows.map(isEmpty), [false, true, false]);
});

test("a control that is no setting changes nothing", () => {
  assert.equal(patchOf(form(), { name: "csrf", value: "a" }), null);
});

test("an error finds the control that it is about", () => {
  const some = form({
    links: [
      ["A", "https://a.example"],
      ["", ""],
      ["B", ""],
    ],
  });
  assert.equal(controlOf(some, "links[1].url"), some.rows[2].inputs[1]);
  assert.equal(controlOf(some, "links[0].label"), some.rows[0].inputs[0]);
  assert.equal(controlOf(some, "links[1]"), some.rows[2].inputs[1]);
  assert.equal(controlOf(some, "links[7].url"), null);
  assert.equal(controlOf(some, "hide_applications").id, "more_applications");
  assert.equal(controlOf(some, "paused_until").id, "pause");
  assert.equal(controlOf(some, "history").id, "history-level");
  assert.equal(controlOf(some, "bio").id, "bio");
  assert.equal(controlOf(some, "hide"), null);
});

test("an error names the field as the page does", () => {
  const text = asSentence(
    "links[0].url has to be an address.",
    "links[0].url",
    "Address of link 1",
  );
  assert.equal(text, "Address of link 1 has to be an address.");
  assert.equal(asSentence("Something else.", "bio", "Bio"), "Something else.");
});

test("a control is changed once it differs from what the server sent", () => {
  const box = { type: "checkbox", value: "on", defaultValue: "on" };
  assert.ok(isChanged({ ...box, checked: true, defaultChecked: false }));
  assert.ok(!isChanged({ ...box, checked: true, defaultChecked: true }));
  assert.ok(isChanged({ type: "text", value: "she", defaultValue: "" }));
  assert.ok(!isChanged({ type: "textarea", value: "a", defaultValue: "a" }));
  const options = [{ value: "off" }, { value: "recent", defaultSelected: true }];
  assert.ok(isChanged({ type: "select-one", value: "off", options }));
  assert.ok(!isChanged({ type: "select-one", value: "recent", options }));
  const without = [{ value: "" }, { value: "8" }];
  assert.ok(!isChanged({ type: "select-one", value: "", options: without }));
});
