// The code to copy for one user.

/** The code by name of its tab. `api` and `socket`: URLs without a slash at the end. */
export function snippets({ api, socket, id }) {
  return {
    Widget: `<script type="module" src="${api}/widget.js"></script>
<grux-presence user="${id}"></grux-presence>`,
    fetch: `const response = await fetch("${api}/user/${id}");
const { data } = await response.json();
console.log(data.status, data.spotify?.song); // "online", "idle", "dnd" or "invisible"`,
    WebSocket: `const socket = new WebSocket("${socket}/?user_id=${id}");
socket.onmessage = (event) => {
  const { op, d } = JSON.parse(event.data); // "initial_data", then "presence_update"
  console.log(op, d.status, d.spotify?.song);
};`,
    React: `import { useEffect } from "react";

const WIDGET = "${api}/widget.js";

export function Presence() {
  useEffect(() => {
    import(/* webpackIgnore: true */ /* @vite-ignore */ WIDGET);
  }, []);
  return <grux-presence user="${id}" theme="auto" />;
}`,
    Markdown: `[![Discord presence](${api}/card/${id}.svg)](https://discord.com/users/${id})`,
  };
}
