// A display name in the font, the colours and the effect that the user has chosen on Discord, as cards draw
// it. Discord documents neither the numbers nor the fonts: any number may come.

const EFFECTS = ["", "solid", "gradient", "neon", "toon", "pop", "glow"];
const MAX_COLORS = 5;
// By Discord's number: its size beside the usual font, so that names look equally large.
const FONT_SCALES = {
  1: 1.08,
  2: 1,
  3: 1,
  4: 1.25,
  6: 1,
  7: 1.15,
  8: 1,
  10: 1.15,
  12: 1,
  13: 1,
  14: 0.92,
  15: 1,
  16: 1.08,
};

const requestedFonts = new Set();

/** A font for all documents of this page. `fetch` and not a URL: no policy of the page needs `font-src`. */
async function loadFont(name, url) {
  if (requestedFonts.has(name)) return;
  requestedFonts.add(name);
  const response = await fetch(url);
  if (!response.ok) return;
  const font = new FontFace(name, await response.arrayBuffer(), { weight: "1 1000" });
  document.fonts.add(await font.load());
}

/** Dark enough for a light card, and light enough for a dark one. */
const legible = (color) =>
  `light-dark(oklch(from ${color} min(l, .46) c h), oklch(from ${color} max(l, .76) c h))`;

/** Draw `node`, which holds the name, in this style. `server` has the fonts. */
export function styleName(node, { font_id: font, effect_id: effect, colors }, server) {
  const scale = FONT_SCALES[font];
  const found = colors
    .slice(0, MAX_COLORS)
    .map((color) => `#${color.toString(16).padStart(6, "0")}`);
  const properties = [];
  if (scale) {
    const name = `grux-name-${font}`;
    loadFont(name, `${server}/fonts/${font}.woff2`).catch(() => {}); // then it is in the usual one
    properties.push(`--_font: ${name}, sans-serif; --_scale: ${scale}`);
  }
  if (found.length) {
    const stops = found.map(legible);
    node.dataset.effect = EFFECTS[effect] || "solid";
    properties.push(`--_first: ${stops[0]}; --_last: ${found.at(-1)}`);
    properties.push(`--_stops: ${stops.length > 1 ? stops : [...stops, ...stops]}`);
  }
  node.style.cssText = properties.join("; ");
}
