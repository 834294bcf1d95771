// Code to copy, for one id.

/** Name and text of each. `api` and `socket`: addresses without a slash at the end. */
export function snippets({ api, socket, id }) {
  return {
    Widget: `<script type="module" src="${api}/widget.js"></script>
<grux-presence user="${id}"></grux-presence>`,
    fetch: `const answer = await fetch("${api}/user/${id}");
const { data } = await answer.json();
console.log(data.status, data.spotify?.song); // "online", "idle", "dnd" or "invisible"`,
    WebSocket: `const socket = new WebSocket("${socket}/?user_id=${id}");
socket.onmessage = (event) => {
  const { op, d } = JSON.parse(event.data); // "initial_data", then "presence_update"
  console.log(op, d.status, d.spotify?.song);
};`,
    React: `import { useEffect } from "react";

export function Presence() {
  useEffect(() => {
    import(/* webpackIgnore: true */ /* @vite-ignore */ "${api}/widget.js");
  }, []);
  return <grux-presence user="${id}" theme="auto" />;
}`,
    Markdown: `[![Discord presence](${api}/card/${id}.svg)](https://discord.com/users/${id})`,
  };
}
