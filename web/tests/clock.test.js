import assert from "node:assert/strict";
import { test } from "node:test";
import { duration, inWords, tick } from "../widget/clock.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

test("a duration has minutes and seconds, then hours, then days", () => {
  const texts = {
    [-5 * SECOND]: "0:00",
    0: "0:00",
    [9 * SECOND + 999]: "0:09",
    [4 * MINUTE + 5 * SECOND]: "4:05",
    [HOUR - 1]: "59:59",
    [HOUR + 4 * MINUTE + 5 * SECOND]: "1:04:05",
    [48 * HOUR - 1]: "47:59:59",
    [76 * HOUR]: "3 d 4 h",
  };
  for (const [ms, text] of Object.entries(texts)) assert.equal(duration(Number(ms)), text);
});

test("in words: minutes up to two hours, hours up to two days, then days", () => {
  const texts = {
    [-MINUTE]: "less than a minute",
    [59 * SECOND]: "less than a minute",
    [MINUTE]: "1 min",
    [119 * MINUTE]: "119 min",
    [120 * MINUTE]: "2 h",
    [48 * HOUR - 1]: "47 h",
    [30 * 24 * HOUR]: "30 days",
  };
  for (const [ms, text] of Object.entries(texts)) assert.equal(inWords(Number(ms)), text);
});

/** An element with data-time, as far as `tick` needs one. */
function timeNode(time, start, end) {
  const attributes = {};
  return {
    dataset: { time, start, end },
    textContent: "",
    firstChild: { style: {} },
    attributes,
    setAttribute: (name, value) => {
      attributes[name] = value;
    },
  };
}

test("tick updates every text", () => {
  const start = 10 * MINUTE;
  const end = 14 * MINUTE;
  const texts = {
    elapsed: "1:30",
    left: "2:30 left",
    reached: "1:30",
    total: "4:00",
    for: "1 min",
    ago: "1 min ago",
  };
  const nodes = Object.keys(texts).map((time) => timeNode(time, start, end));
  tick({ querySelectorAll: () => nodes }, start + 90 * SECOND);
  assert.deepEqual(
    nodes.map((node) => node.textContent),
    Object.values(texts),
  );
});

test("a bar stays within its ends", () => {
  const bar = timeNode("bar", 1000, 3000);
  const shares = { 0: [0, "0.0000"], 1500: [25, "0.2500"], 9000: [100, "1.0000"] };
  for (const [now, [percent, scale]] of Object.entries(shares)) {
    tick({ querySelectorAll: () => [bar] }, Number(now));
    assert.equal(bar.attributes["aria-valuenow"], percent);
    assert.equal(bar.firstChild.style.transform, `scaleX(${scale})`);
  }
});
