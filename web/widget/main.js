// <grux-presence user="…"> shows what somebody on Discord does now. Begin here.
//
// card.js draws a presence, element.js is the custom element, feed.js knows what everybody does,
// line.js and poll.js bring it. The api joins these files into one, /widget.js.

import { GruxPresence } from "./element.js";
import { serve, subscribe } from "./feeds.js";

// The api writes here where its WebSocket is, and its Discord invitation.
const SERVED = { socket: "", invite: "" };

serve(new URL(".", import.meta.url).href, SERVED.socket, SERVED.invite);
window.Grux ??= { subscribe };
if (!customElements.get("grux-presence")) customElements.define("grux-presence", GruxPresence);

export { GruxPresence, subscribe };
