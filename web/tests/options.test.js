import assert from "node:assert/strict";
import { test } from "node:test";
import { readOptions, writeOptions } from "../page/options.js";

const VALID = { valid: true };
const flag = (name, on) => ({
  name,
  type: "checkbox",
  value: "on",
  checked: on,
  defaultChecked: on,
});
const word = (name, value) => ({ name, type: "checkbox", value, checked: false });
const text = (name, value = "") => ({
  name,
  type: "text",
  value,
  defaultValue: value,
  validity: VALID,
});

/** As a <select>: an unknown value selects nothing. */
function select(name, values) {
  return {
    name,
    type: "select-one",
    options: values.map((value) => ({ value })),
    selectedIndex: 0,
    get value() {
      return values[this.selectedIndex] ?? "";
    },
    set value(value) {
      this.selectedIndex = values.indexOf(value);
    },
  };
}

const all = () => [
  select("theme", ["dark", "light"]),
  flag("animated", true),
  flag("hideBadges", false),
  word("hide", "badges"),
  word("hide", "clan"),
  text("label", "discord"),
  text("bg"),
];

test("defaults are no parameters", () => {
  assert.deepEqual(readOptions(all()), []);
});

test("what an address says is read again", () => {
  const said = [
    ["theme", "light"],
    ["animated", "false"],
    ["hideBadges", "true"],
    ["hide", "badges,clan"],
    ["label", ""],
    ["bg", "0d1117"],
  ];
  const controls = all();
  writeOptions(controls, new URLSearchParams(said));
  assert.deepEqual(readOptions(controls), said);
  writeOptions(controls, new URLSearchParams());
  assert.deepEqual(readOptions(controls), []);
});

test("unknown values of an address are the defaults", () => {
  const controls = all();
  writeOptions(
    controls,
    new URLSearchParams("theme=pink&animated=0&hide=cla,nothing&hideBadges=x"),
  );
  const read = [
    ["animated", "false"],
    ["hideBadges", "true"], // a typing error publishes nothing
  ];
  assert.deepEqual(readOptions(controls), read);
});

test("invalid text is left out", () => {
  const controls = all();
  Object.assign(controls.at(-1), { value: "zz", validity: { valid: false } });
  assert.deepEqual(readOptions(controls), []);
});
