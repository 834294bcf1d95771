// The code to copy: for each kind of thing, in each form in which sites take it.

const COMPACT_HEIGHT_PX = 72;
const EMBED_HEIGHT_PX = 320;
const HISTORY_HEIGHT_PX = 290; // of five entries
const ALT = "Discord presence";

/** The kinds in the order of their tabs, each with the forms of its code; the first is the default. */
export const KINDS = {
  widget: { label: "Widget", forms: ["HTML", "React"] },
  card: { label: "Card", forms: ["Markdown", "HTML", "URL"], picture: true },
  badge: { label: "Badge", forms: ["Markdown", "HTML", "URL"], picture: true },
  "now-playing": { label: "Now playing", forms: ["Markdown", "HTML", "URL"], picture: true },
  embed: { label: "Embed", forms: ["HTML", "URL"] },
  overlay: { label: "Overlay", forms: ["URL"] },
  data: { label: "Data", forms: ["fetch", "WebSocket", "EventSource", "curl"] },
};

const escaped = (text) =>
  text.replace(
    /[&<>"]/g,
    (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign],
  );

/** `?theme=light&hide=badges,clan` of `[name, value]` pairs; empty without any. */
function query(options) {
  const text = new URLSearchParams(options).toString().replaceAll("%2C", ",");
  return text && `?${text}`;
}

/** The address of a kind below the server's own. `options`: `[name, value]` pairs. */
export function pathOf(kind, id, options) {
  if (!KINDS[kind].picture) return `${kind}/${id}${query(options)}`;
  const file = options.find(([name]) => name === "file")?.[1] ?? "svg";
  return `${kind}/${id}.${file}${query(options.filter(([name]) => name !== "file"))}`;
}

/** The options as the widget's attributes, as `[name, value]` pairs. */
export const attributesOf = (options) =>
  options.map(([name, value]) => [name, value === "true" ? "" : value.replaceAll(",", " ")]);

function tag(id, options, end) {
  const written = [["user", id], ...attributesOf(options)].map(([name, value]) =>
    value ? ` ${name}="${escaped(value)}"` : ` ${name}`,
  );
  return `<grux-presence${written.join("")}${end}`;
}

const WIDGET = {
  HTML: ({ api, id, options }) => `<script type="module" src="${api}/widget.js"></script>
${tag(id, options, "></grux-presence>")}`,
  React: ({ api, id, options }) => `import { useEffect } from "react";

const WIDGET = "${api}/widget.js";

export function Presence() {
  useEffect(() => {
    import(/* webpackIgnore: true */ /* @vite-ignore */ WIDGET);
  }, []);
  return ${tag(id, options, " />")};
}`,
};

const PICTURE = {
  Markdown: ({ url, link }) => `[![${ALT}](${url})](${link})`,
  HTML: ({ url, link }) => `<a href="${link}"><img src="${escaped(url)}" alt="${ALT}"></a>`,
};

const EMBED = {
  HTML({ url, options }) {
    const isCompact = options.some(([name, value]) => name === "size" && value === "compact");
    const hasHistory = options.some(([name, value]) => name === "history" && value === "true");
    const full = EMBED_HEIGHT_PX + (hasHistory ? HISTORY_HEIGHT_PX : 0);
    const height = isCompact ? COMPACT_HEIGHT_PX : full;
    return `<iframe src="${escaped(url)}" title="${ALT}" width="400" height="${height}"
  style="border: 0; max-width: 100%; color-scheme: light" loading="lazy"
  sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox"></iframe>`;
  },
};

/** The WebSocket's server has the events, too, at its root: `wss://host/any` is `https://host/events`. */
const eventsOf = (socket) => socket.replace(/^ws(s?:\/\/[^/]+).*$/, "http$1/events");

const DATA = {
  fetch: ({ api, id }) => `const response = await fetch("${api}/user/${id}");
const { data } = await response.json();
console.log(data.status, data.listening?.song); // "online", "idle", "dnd" or "invisible"`,
  WebSocket: ({ socket, id }) => `const socket = new WebSocket("${socket}/?user_id=${id}");
socket.onmessage = (event) => {
  const { op, d } = JSON.parse(event.data); // "initial_data", then what has changed
  if (d.status) console.log(op, d.status, d.listening?.song);
};`,
  EventSource: ({
    socket,
    id,
  }) => `const events = new EventSource("${eventsOf(socket)}?user_id=${id}");
for (const op of ["initial_data", "presence_update"]) {
  events.addEventListener(op, ({ data }) => {
    const { d } = JSON.parse(data);
    console.log(op, d.status, d.listening?.song);
  });
}`,
  curl: ({ api, id }) => `curl ${api}/user/${id}`,
};

const SNIPPETS = { widget: WIDGET, embed: EMBED, data: DATA };

/**
 * The code for one user. `api`, `socket`: URLs without a slash at the end. `options`: `[name, value]`
 * pairs, of which a value may be any text.
 */
export function snippet({ api, socket, id, kind, form, options }) {
  const url = `${api}/${pathOf(kind, id, options)}`;
  if (form === "URL") return url;
  const link = `https://discord.com/users/${id}`;
  const snippets = KINDS[kind].picture ? PICTURE : SNIPPETS[kind];
  return snippets[form]({ api, socket, id, options, url, link });
}
