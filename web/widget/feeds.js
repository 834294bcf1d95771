// One feed for each server, whoever asks for it: so that all widgets of a page share its sockets.

import { Feed } from "./feed.js";

const feeds = new Map();
const own = {};

const bare = (url) => url.replace(/\/+$/, "");

/** The server of this script: what `server` and `socket` are when nothing is said. */
export function serve(server, socket, invite) {
  Object.assign(own, { server: bare(server), socket: bare(socket), invite });
}

/** The feed of a server; without an address of its own, its WebSocket is where its REST API is. */
export function feedOf(server, socket) {
  const rest = bare(server || own.server);
  const ours = rest === own.server;
  const ws = bare(socket || (ours && own.socket) || rest.replace(/^http/, "ws"));
  const key = `${rest} ${ws}`;
  if (!feeds.has(key)) feeds.set(key, new Feed(rest, ws, ours ? own.invite : ""));
  return feeds.get(key);
}

/**
 * Be told what a user does: at once if it is known, and at each change. Gives a function that ends it.
 * `callback(data, info)`: see widget.d.ts. `options`: `{ server, socket }`.
 */
export function subscribe(user, callback, { server, socket } = {}) {
  return feedOf(server, socket).watch(String(user), callback);
}
