// <grux-presence user="…"> shows what a Discord user is doing. Start reading here.
//
// element.js is the custom element, card.js draws it, feed.js keeps the state of every user that the
// page shows, socket.js and poll.js read it from the server. The api joins these files to /widget.js.

import { GruxPresence } from "./element.js";
import { configure, subscribe } from "./feed.js";

// The api replaces this by the address of its WebSocket and its Discord invite.
const SERVED = { socket: "", invite: "" };

configure(new URL(".", import.meta.url).href, SERVED.socket, SERVED.invite);
window.Grux ??= { subscribe };
if (!customElements.get("grux-presence")) customElements.define("grux-presence", GruxPresence);

export { GruxPresence, subscribe };
