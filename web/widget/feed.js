// The state of every user that the page shows: over sockets, else by polling.

import { asReached } from "./loopback.js";
import { Poll } from "./poll.js";
import { isFinal, PresenceSocket } from "./socket.js";

const USERS_PER_SOCKET = 50; // the server's limit
const BATCH_MS = 30; // subscriptions that begin and end within this time are applied at once
const STALE_AFTER_MS = 8000; // without a connection
const POLLED_FRESH_MS = 60_000; // how long a response counts as current
const POLL_AFTER_FAILURES = 3; // connections in a row that brought no answer
const SLEEP_AFTER_MS = 30_000; // in a hidden tab
const CHECK_INTERVAL_MS = 2000;
const SUSPENDED_MS = 20_000; // after a gap of this length the machine was suspended: sockets are dead

/** As in shared/discord/snowflake.py: one invalid id would close the socket of all users. */
export function isId(text) {
  if (!/^[1-9]\d{14,18}$/.test(text)) return false;
  const id = BigInt(text);
  return id < 1n << 64n && Number(id >> 22n) + 1_420_070_400_000 < Date.now() + 3_600_000;
}

/** The users of one server. All widgets and subscribers of a page share it, and so its sockets. */
export class Feed {
  #topics = new Map();
  #sockets = new Set();
  #asleep = false;
  #wokeAt = 0;
  #batchTimer = 0;

  /** `invite`: the server's Discord invite, if it is known. */
  constructor(server, socketUrl, invite) {
    this.server = server;
    this.socketUrl = socketUrl;
    this.invite = invite;
    this.poll = new Poll(
      server,
      () => this.#disconnectedIds(),
      (id, response) => this.#onResponse(id, response),
    );
    let hideTimer;
    const onVisibility = () => {
      clearTimeout(hideTimer);
      if (document.hidden) hideTimer = setTimeout(() => this.#sleep(), SLEEP_AFTER_MS);
      else this.#wake();
    };
    onVisibility();
    document.addEventListener("visibilitychange", onVisibility);
    addEventListener("pagehide", () => this.#sleep()); // else "back" cannot restore the page
    addEventListener("pageshow", () => this.#wake());
    addEventListener("online", () => this.#reconnect());
    let checkedAt = Date.now();
    setInterval(() => {
      if (Date.now() - checkedAt > SUSPENDED_MS) this.#reconnect();
      checkedAt = Date.now();
      this.onConnectionChange();
    }, CHECK_INTERVAL_MS);
  }

  /** Call `callback(data, info)` soon and at each change. Returns a function that ends it. */
  subscribe(id, callback) {
    let topic = this.#topics.get(id);
    if (!topic) {
      topic = {
        id,
        data: null,
        error: null,
        polledAt: 0,
        age: 0,
        notified: "",
        callbacks: new Set(),
      };
      this.#topics.set(id, topic);
    }
    if (topic.error) topic.notified = ""; // else the same error would be no news
    topic.error = isId(id) ? null : { code: "invalid_user_id" }; // others may have joined meanwhile
    const call = (...change) => callback(...change); // one function may subscribe twice
    topic.callbacks.add(call);
    this.#scheduleBatch();
    queueMicrotask(() => topic.callbacks.has(call) && call(topic.data, this.#info(topic)));
    return () => {
      topic.callbacks.delete(call);
      this.#scheduleBatch();
    };
  }

  // --- sockets: every user is on one of them, on as few as possible -------------------------------

  #scheduleBatch() {
    clearTimeout(this.#batchTimer);
    this.#batchTimer = setTimeout(() => this.#asleep || this.#applyBatch(), BATCH_MS);
  }

  #applyBatch() {
    for (const [id, { callbacks }] of this.#topics) {
      if (callbacks.size) continue;
      this.#topics.delete(id);
      this.#socketOf(id)?.remove(id);
    }
    const fresh = [...this.#topics.values()].filter(
      ({ id, error }) => !error && !this.#socketOf(id),
    );
    const ids = fresh.map(({ id }) => id);
    for (const socket of this.#sockets) this.#put(ids, socket);
    while (ids.length) {
      const socket = new PresenceSocket(this.socketUrl, this);
      this.#sockets.add(socket);
      this.#put(ids, socket);
    }
    for (const socket of this.#sockets) socket.apply();
  }

  /** Move as many ids to the socket as it may carry. */
  #put(ids, socket) {
    for (const id of ids.splice(0, USERS_PER_SOCKET - socket.ids.size)) socket.add(id);
  }

  #socketOf(id) {
    return [...this.#sockets].find(({ ids }) => ids.has(id));
  }

  #remove(socket) {
    socket.close();
    this.#sockets.delete(socket);
  }

  onFrame(socket, { op, user_id: id, d }) {
    const topic = this.#topics.get(id);
    if (!topic) return;
    if (op === "initial_data" || (op !== "error" && topic.data)) {
      topic.age = 0;
      return this.#update(topic, { ...topic.data, ...d });
    }
    if (!isFinal(d)) return;
    socket.drop(id);
    this.#scheduleBatch(); // the socket may have no user left
    this.#fail(topic, d);
  }

  /** A socket has lost its connection, or time has passed. */
  onConnectionChange() {
    if (this.#asleep) return;
    for (const topic of this.#topics.values()) this.#update(topic, topic.data);
    if (this.#disconnectedIds().length) this.poll.start();
  }

  /** The server refuses the socket. Users that it did not refuse by name get another socket. */
  onRefused(socket) {
    this.#remove(socket);
    if (socket.hasRefused) return this.#scheduleBatch();
    for (const id of socket.ids) this.#fail(this.#topics.get(id), { code: "refused" });
  }

  // --- polling -----------------------------------------------------------------------------------

  #disconnectedIds() {
    if (this.#asleep) return [];
    const isLost = ({ lostAt, failures }) =>
      lostAt && (failures >= POLL_AFTER_FAILURES || this.#isOlder(lostAt, STALE_AFTER_MS));
    return [...this.#sockets].filter(isLost).flatMap(({ ids }) => [...ids]);
  }

  #onResponse(id, { data, age, error }) {
    const topic = this.#topics.get(id);
    if (!topic || !this.#lostAt(id)) return; // a socket has connected meanwhile
    if (error) return this.#fail(topic, error);
    if (data) Object.assign(topic, { polledAt: Date.now(), age });
    this.#update(topic, data ?? topic.data);
  }

  // --- state -------------------------------------------------------------------------------------

  #fail(topic, { code, message, discord_invite }) {
    topic.error = { code, message, discord_invite: discord_invite ?? (this.invite || null) };
    this.#update(topic, null);
  }

  #update(topic, newest) {
    if (newest) topic.error = null;
    const known = topic.data;
    const isSame = newest && JSON.stringify(newest) === JSON.stringify(known); // polled again
    const data = isSame ? known : newest;
    topic.data = data;
    const info = this.#info(topic);
    const notified = JSON.stringify([info.state, info.error]);
    if (data === known && notified === topic.notified) return;
    topic.notified = notified;
    for (const call of [...topic.callbacks]) call(data, info);
  }

  /** `since`: when the data were last known to be current, in ms since 1970. */
  #info({ id, data, error, polledAt, age }) {
    const lostAt = this.#lostAt(id);
    const polled = lostAt && Date.now() - polledAt < POLLED_FRESH_MS; // time asleep counts here
    const since = lostAt ? Math.max(lostAt, polledAt) - 1000 * age : Date.now();
    let state = "live";
    if (error) state = "error";
    else if (age || (lostAt && !polled && this.#isOlder(lostAt, STALE_AFTER_MS))) state = "stale";
    else if (!data) state = "loading";
    else if (polled) state = "polling";
    return { state, since, error };
  }

  /** When this user's socket lost its connection; 0 while it is connected. */
  #lostAt(id) {
    return this.#socketOf(id)?.lostAt ?? Date.now();
  }

  /** Time asleep does not count. */
  #isOlder(time, ms) {
    return Date.now() - Math.max(time, this.#wokeAt) >= ms;
  }

  // --- hidden tabs -------------------------------------------------------------------------------

  #sleep() {
    this.#asleep = true;
    for (const socket of this.#sockets) socket.close();
  }

  #wake() {
    if (!this.#asleep) return;
    this.#asleep = false;
    this.#wokeAt = Date.now();
    for (const topic of this.#topics.values()) if (isId(topic.id)) topic.error = null;
    this.#reconnect();
    this.#applyBatch();
  }

  /** Open new connections now, without waiting for the retry delay. */
  #reconnect() {
    if (this.#asleep) return;
    for (const socket of this.#sockets) {
      socket.lostAt ||= Date.now(); // it may be dead without a sign, until a frame comes
      socket.open();
    }
  }
}

// --- one feed for each server ----------------------------------------------------------------------

const feeds = new Map();
const defaults = {};

const withoutSlash = (url) => url.replace(/\/+$/, "");

/** The server that is used where no `server` and `socket` are given: that of this script. */
export function configure(server, socket, invite) {
  const reached = asReached(withoutSlash(socket), server);
  Object.assign(defaults, { server: withoutSlash(server), socket: reached, invite });
}

/** The feed of a server. Without an address of its own, its WebSocket is where its REST API is. */
export function feedOf(server, socket) {
  const rest = withoutSlash(server || defaults.server);
  const isDefault = rest === defaults.server;
  const ws = withoutSlash(socket || (isDefault && defaults.socket) || rest.replace(/^http/, "ws"));
  const key = `${rest} ${ws}`;
  if (!feeds.has(key)) feeds.set(key, new Feed(rest, ws, isDefault ? defaults.invite : ""));
  return feeds.get(key);
}

/** Call `callback(data, info)` soon and at each change; see widget.d.ts. */
export function subscribe(user, callback, { server, socket } = {}) {
  return feedOf(server, socket).subscribe(String(user), callback);
}
