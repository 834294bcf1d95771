// The custom element: shows the user that its attributes name, and updates the card.

import { card, markPictureFailed } from "./card.js";
import { tick } from "./clock.js";
import { morph } from "./dom.js";
import { feedOf } from "./feed.js";
import { Recent } from "./history.js";

const STYLE = ""; // The api replaces this by widget.css.
// The words that an attribute may hold. Others are reported, and change nothing.
const KNOWN_WORDS = {
  theme: "light dark auto paper midnight glass plain",
  size: "compact",
  hide: "name-style nameplate decoration clan pronouns badges custom-status links spotify activities",
};
const RESIZE_ANIMATION = { duration: 240, easing: "cubic-bezier(.2, .7, .2, 1)" };

let styleSheet; // shared by all elements
const connectedElements = new Set();
setInterval(() => {
  if (!document.hidden) for (const element of connectedElements) tick(element.shadowRoot);
}, 1000);

const wordsOf = (text) => text.split(/[\s,]+/).filter(Boolean);
const reducesMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export class GruxPresence extends HTMLElement {
  static observedAttributes = ["user", "server", "socket", "hide", "size", "theme", "history"];

  #data = null;
  #info = { state: "loading", since: Date.now(), error: null };
  #unsubscribe = null;
  #server = "";
  #animation = null;
  #recent = null; // what its history is read from
  #onRecent = () => this.#draw();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    if (!styleSheet) {
      styleSheet = new CSSStyleSheet();
      styleSheet.replaceSync(STYLE);
    }
    root.adoptedStyleSheets = [styleSheet];
    const onPictureError = ({ target }) => {
      markPictureFailed(target.src);
      this.#draw();
    };
    root.addEventListener("error", onPictureError, true); // captured, because it does not bubble
  }

  /** Profile and presence as in GET /user/:id; null while they are not known. */
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
    connectedElements.add(this);
    this.#subscribe();
  }

  disconnectedCallback() {
    connectedElements.delete(this);
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#followRecent();
  }

  attributeChangedCallback(name, _, value) {
    const known = KNOWN_WORDS[name];
    for (const word of known && value ? wordsOf(value) : []) {
      if (known.split(" ").includes(word)) continue;
      console.warn(`<grux-presence ${name}="${value}">: "${word}" is not one of: ${known}`);
    }
    if (!this.isConnected) return;
    if (!known && name !== "history") return this.#subscribe();
    this.#followRecent();
    this.#draw();
  }

  #subscribe() {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    const feed = feedOf(this.getAttribute("server"), this.getAttribute("socket"));
    this.#server = feed.server;
    if (this.#data?.profile.id !== this.user) {
      this.#update(null, { state: "loading", since: Date.now(), error: null });
    }
    if (!this.user) {
      const error = { code: "no_user" };
      return this.#update(null, { state: "error", since: Date.now(), error });
    }
    this.#unsubscribe = feed.subscribe(this.user, (data, info) => this.#update(data, info));
  }

  #update(data, info) {
    const dataChanged = data !== this.#data;
    const stateChanged = info.state !== this.#info.state;
    this.#data = data;
    this.#info = info;
    this.#followRecent();
    this.#draw();
    if (dataChanged && data) this.#dispatch("grux:update", data);
    if (stateChanged) this.#dispatch("grux:state", info);
  }

  #dispatch(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  get #isCompact() {
    return this.getAttribute("size") === "compact";
  }

  get #hasHistory() {
    return (this.getAttribute("history") ?? "false") !== "false"; // what frameworks write for false
  }

  #followRecent() {
    const follows = this.isConnected && this.user && this.#hasHistory && !this.#isCompact;
    const recent = follows ? Recent.of(this.#server, this.user) : null;
    if (recent !== this.#recent) {
      this.#recent?.unfollow(this.#onRecent);
      this.#recent = recent;
      recent?.follow(this.#onRecent);
    }
    // An element that is new knows less than others of the same user.
    if (this.#info.state !== "loading") recent?.onPresence(this.#data);
  }

  #draw() {
    const hidden = new Set(wordsOf(this.getAttribute("hide") ?? ""));
    const root = this.shadowRoot;
    const current = root.firstElementChild;
    const isNew = !current || current.classList.contains("empty");
    const next = card({
      data: isNew && this.#recent?.isPending ? null : this.#data,
      info: this.#info,
      hidden,
      compact: this.#isCompact,
      server: this.#server,
      seen: this.#hasHistory && this.#data?.last_seen,
      recent: this.#recent?.entries,
    });
    tick(next);
    if (!current) return root.append(next);
    const before = current.offsetHeight; // an animation may still be running
    this.#animation?.cancel();
    morph(current, next);
    const drawn = root.firstElementChild;
    const after = drawn.offsetHeight;
    if (!before || before === after || reducesMotion()) return;
    const heights = [{ height: `${before}px` }, { height: `${after}px` }];
    this.#animation = drawn.animate(heights, RESIZE_ANIMATION);
  }
}
