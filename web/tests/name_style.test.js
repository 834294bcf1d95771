import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { styleName } from "../widget/name_style.js";
import { settle } from "./fake_browser.js";

const SERVER = "https://grux.example.org";

let requests;
let fonts;
let status;

beforeEach(() => {
  requests = [];
  fonts = new Map();
  status = 200;
  globalThis.fetch = async (url) => {
    requests.push(url);
    return new Response("woff2", { status });
  };
  globalThis.FontFace = class {
    constructor(name, data) {
      Object.assign(this, { name, data });
    }
    async load() {
      return this;
    }
  };
  globalThis.document = { fonts: { add: ({ name, data }) => fonts.set(name, data.byteLength) } };
});
afterEach(() => {
  for (const name of ["fetch", "FontFace", "document"]) delete globalThis[name];
});

/** The effect and the style of a name. */
function styled(font_id, effect_id, ...colors) {
  const node = { dataset: {}, style: {} };
  styleName(node, { font_id, effect_id, colors }, SERVER);
  return [node.dataset.effect, node.style.cssText];
}

test("a font is loaded from the server of the card, once", async () => {
  assert.deepEqual(styled(7, 1), [undefined, "--_font: grux-name-7, sans-serif; --_scale: 1.15"]);
  styled(7, 2, 0xff0000);
  await settle();
  assert.deepEqual(requests, [`${SERVER}/fonts/7.woff2`]);
  assert.deepEqual([...fonts], [["grux-name-7", 5]]);
});

test("a font that cannot be loaded is left out", async () => {
  status = 404;
  styled(8, 1);
  await settle();
  assert.equal(fonts.size, 0);
});

test("any number may come", async () => {
  for (const font of [11, 5, 99, -1, null]) assert.deepEqual(styled(font, 1), [undefined, ""]);
  for (const effect of [0, 7, -1, null]) assert.equal(styled(11, effect, 0)[0], "solid");
  await settle();
  assert.deepEqual(requests, []);
});

test("the colours are those of a dark and of a light card", () => {
  const [effect, css] = styled(null, 2, 0xff5fa2, 0xff);
  assert.equal(effect, "gradient");
  assert.match(css, /--_last: #0000ff;/);
  const [first, last] = ["#ff5fa2", "#0000ff"].map(
    (color) =>
      `light-dark(oklch(from ${color} min(l, .46) c h), oklch(from ${color} max(l, .76) c h))`,
  );
  assert.ok(css.includes(`--_first: ${first};`));
  assert.ok(css.endsWith(`--_stops: ${first},${last}`));
});

test("a gradient has two to five colours", () => {
  const count = (css) => css.split("--_stops: ")[1].match(/light-dark/g).length;
  assert.equal(count(styled(null, 2, 1)[1]), 2);
  assert.equal(count(styled(null, 6, 1, 2, 3, 4, 5, 6, 7, 8)[1]), 5);
});
