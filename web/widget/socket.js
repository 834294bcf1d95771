// One WebSocket for up to 50 users, who come and go while it is open. An older server
// fixes them at connect: then a new WebSocket is opened, and the old one stays open until it is.

const OPEN_TIMEOUT_MS = 15_000; // a proxy may swallow the handshake
const CHANGE_INTERVAL_MS = 1500; // two messages each time; the server allows 120 in a minute
const ANSWER_TIMEOUT_MS = 5000; // an older server ignores messages
const OLDER_MS = 60_000; // for how long a server that has not answered counts as one: it may be slow
const UNUSED_MS = 30_000; // without users: others may come, as on the next view of an app

const backoff = (failures) => Math.min(30_000, 1000 * 2 ** failures);

/** Milliseconds until the next attempt: random, so that clients do not reconnect all at once. */
export function retryDelay(code, failures) {
  const [least, spread] = {
    1012: [1000, 4000], // the server restarts, and has closed all of its clients
    1013: [5000, 10_000], // the server cannot read presences at the moment
    4429: [30_000, 60_000], // too many connections from this address
  }[code] ?? [backoff(failures) / 2, backoff(failures) / 2];
  return least + Math.random() * spread;
}

/** Close silently. A socket that is still connecting is closed later: browsers warn otherwise. */
function discard(socket) {
  if (!socket) return;
  socket.onmessage = socket.onclose = null;
  socket.onopen = () => socket.close();
  if (socket.readyState === WebSocket.OPEN) socket.close();
}

/** Whether an error says something about its user. All others are temporary. */
export const isFinal = ({ code }) => code === "user_not_monitored" || code === "invalid_user_id";

export class PresenceSocket {
  ids = new Set(); // without those that the server has refused
  failures = 0; // in a row, without an answer about a user
  lostAt = Date.now(); // 0 while connected
  hasRefused = false; // users by name, since it was opened
  #asked = new Set(); // what the server was asked for
  #left = new Set(); // since then; a user who has come again needs initial_data again
  #unanswered = new Set(); // who were asked for by a message
  #understands = false; // the server has answered a message
  #olderUntil = 0; // the server has not: it seems to be an older one

  /** `owner` has `onFrame(socket, frame)`, `onConnectionChange()` and `onRefused(socket)`. */
  constructor(url, owner) {
    this.url = url;
    this.owner = owner;
  }

  add(id) {
    this.ids.add(id);
  }

  remove(id) {
    if (this.ids.delete(id)) this.#left.add(id);
  }

  /** The server does not show this user. */
  drop(id) {
    this.hasRefused = true;
    this.ids.delete(id);
    this.#asked.delete(id);
  }

  /** Tell the server who has come and gone. While it waits for a retry, it goes on waiting. */
  apply() {
    clearTimeout(this.unusedTimer);
    if (!this.ids.size) return this.#leave();
    if (this.socket) return this.#change();
    if (this.next || this.retryTimer) return;
    this.lostAt = Date.now();
    this.open();
  }

  #leave() {
    if (this.next && !this.socket) return; // until it is open
    if (!this.socket || this.#isOlder()) return this.close();
    this.#change();
    this.unusedTimer = setTimeout(() => this.close(), UNUSED_MS);
  }

  #change() {
    if (this.changeTimer) return; // until it ends
    const ids = [...this.ids];
    const added = ids.filter((id) => !this.#asked.has(id) || this.#left.has(id));
    const removed = [...this.#asked].filter((id) => !this.ids.has(id));
    if (!added.length && !removed.length) return;
    if (this.#isOlder()) {
      if (added.length && !this.retryTimer) this.open();
      return;
    }
    this.#asked = new Set(ids);
    this.#left.clear();
    this.#say("unsubscribe", removed); // first: there may be no room for more
    this.#say("subscribe", added);
    this.#unanswered = new Set([...this.#unanswered, ...added].filter((id) => this.ids.has(id)));
    if (added.length && !this.#understands) {
      this.answerTimer ||= setTimeout(() => this.#onNoAnswer(), ANSWER_TIMEOUT_MS);
    }
    this.changeTimer = setTimeout(() => {
      this.changeTimer = 0;
      if (this.socket) this.#change();
    }, CHANGE_INTERVAL_MS);
  }

  #say(op, ids) {
    if (ids.length) this.socket.send(JSON.stringify({ op, user_ids: ids }));
  }

  #onNoAnswer() {
    this.answerTimer = 0;
    if (!this.#unanswered.size) return;
    this.#olderUntil = Date.now() + OLDER_MS;
    this.open();
  }

  #isOlder() {
    return Date.now() < this.#olderUntil;
  }

  #onAnswer(id) {
    if (!this.#unanswered.delete(id)) return;
    this.#understands = true;
    clearTimeout(this.answerTimer);
    this.answerTimer = 0;
    if (!this.#olderUntil) return;
    this.#olderUntil = 0; // it was slow
    discard(this.next);
    this.next = null;
    this.#change();
  }

  open() {
    this.#clearTimers();
    discard(this.next);
    this.next = null;
    if (!this.ids.size) return this.close();
    this.hasRefused = false;
    const asked = new Set(this.ids);
    let socket;
    try {
      socket = new WebSocket(`${this.url}/?user_id=${[...asked].join("&user_id=")}`);
    } catch {
      return this.#retry(); // the page's policy does not allow this address
    }
    this.next = socket;
    const timeout = setTimeout(() => socket.close(), OPEN_TIMEOUT_MS);
    socket.onopen = () => {
      clearTimeout(timeout);
      this.#clearTimers();
      discard(this.socket);
      this.socket = socket;
      this.next = null;
      this.#asked = asked;
      this.#left.clear();
      this.#unanswered.clear();
      this.#understands = false;
      this.apply(); // users may have come and gone meanwhile
    };
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.op !== "error" || isFinal(frame.d)) {
        this.failures = 0;
        this.lostAt = 0;
      }
      if (frame.op === "initial_data" || frame.op === "error") this.#onAnswer(frame.user_id);
      this.owner.onFrame(this, frame);
    };
    socket.onclose = ({ code }) => {
      clearTimeout(timeout);
      if (this.next === socket) this.next = null;
      else this.#disconnected();
      if (code === 4400 || code === 4404) this.owner.onRefused(this);
      else this.#retry(code);
    };
  }

  #disconnected() {
    this.socket = null;
    this.#olderUntil = 0; // the next server may be another one
    this.lostAt ||= Date.now();
  }

  #retry(code) {
    this.#clearTimers();
    if (!this.ids.size) return;
    this.retryTimer = setTimeout(() => this.open(), retryDelay(code, this.failures++));
    this.owner.onConnectionChange();
  }

  close() {
    this.#clearTimers();
    discard(this.next);
    discard(this.socket);
    this.next = null;
    this.#disconnected();
  }

  #clearTimers() {
    for (const name of ["retryTimer", "changeTimer", "answerTimer", "unusedTimer"]) {
      clearTimeout(this[name]);
      this[name] = 0;
    }
  }
}
