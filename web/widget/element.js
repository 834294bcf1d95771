// The custom element: from attributes to a card that stays true.

import { card } from "./card.js";
import { tick } from "./clock.js";
import { morph } from "./dom.js";
import { feedOf } from "./feeds.js";
import { fail } from "./pictures.js";
import { STYLE } from "./style.js";

const GROW = { duration: 240, easing: "cubic-bezier(.2, .7, .2, 1)" };

let sheet; // one for all of them
const shown = new Set();
setInterval(() => {
  if (!document.hidden) for (const element of shown) tick(element.shadowRoot);
}, 1000);

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export class GruxPresence extends HTMLElement {
  static observedAttributes = ["user", "server", "socket", "hide", "size"];

  #data = null;
  #info = { state: "loading", since: Date.now(), error: null };
  #leave = null;
  #growing = null;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    // It does not bubble, but it can be caught on its way down.
    root.addEventListener("error", ({ target }) => (fail(target.src), this.#draw()), true);
  }

  /** Profile and presence as GET /user/:id has them; null while they are not known. */
  get data() {
    return this.#data;
  }

  /** `{ state, since, error }`: see widget.d.ts. */
  get info() {
    return this.#info;
  }

  get user() {
    return this.getAttribute("user") ?? "";
  }

  set user(id) {
    this.setAttribute("user", id);
  }

  connectedCallback() {
    shown.add(this);
    this.#follow();
  }

  disconnectedCallback() {
    shown.delete(this);
    this.#leave?.();
    this.#leave = null;
  }

  attributeChangedCallback(name) {
    if (!this.isConnected) return;
    if (name === "hide" || name === "size") this.#draw();
    else this.#follow();
  }

  #follow() {
    this.#leave?.();
    if (this.#data?.profile.id !== this.user) this.#hear(null, { state: "loading", since: Date.now(), error: null });
    const feed = feedOf(this.getAttribute("server"), this.getAttribute("socket"));
    this.#leave = this.user ? feed.watch(this.user, (data, info) => this.#hear(data, info)) : null;
  }

  #hear(data, info) {
    const news = data !== this.#data;
    const moved = info.state !== this.#info.state;
    this.#data = data;
    this.#info = info;
    this.#draw();
    if (news && data) this.#dispatch("grux:update", data);
    if (moved) this.#dispatch("grux:state", info);
  }

  #dispatch(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  #draw() {
    const hidden = new Set((this.getAttribute("hide") ?? "").split(/[\s,]+/));
    const compact = this.getAttribute("size") === "compact";
    const next = card({ data: this.#data, info: this.#info, hidden, compact });
    tick(next);
    const root = this.shadowRoot;
    const former = root.firstElementChild;
    if (!former) return root.append(next);
    const before = former.offsetHeight; // of a card that may be growing still
    this.#growing?.cancel();
    morph(former, next);
    const now = root.firstElementChild;
    const after = now.offsetHeight;
    if (!before || before === after || calm()) return;
    this.#growing = now.animate([{ height: `${before}px` }, { height: `${after}px` }], GROW);
  }
}
