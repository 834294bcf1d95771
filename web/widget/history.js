// What people did before, of those who keep a history: GET /history/:id, seldom.

const HISTORY_INTERVAL_MS = 30_000; // at least, between two requests for a user
const RECORDED_MS = 4000; // after a change the server needs some seconds to record it
const HISTORY_TIMEOUT_MS = 10_000;
const FIRST_ANSWER_MS = 800; // how long a new card waits for it, so that it grows once

const recents = new Map(); // by server and id: widgets of one user share a request

/** The recent activities of one user. While nobody follows them, nothing is requested. */
export class Recent {
  entries = []; // the newest first, and before them what is still running
  isPending = true; // the first answer is still worth waiting for
  #data = null;
  #changedAt = 0;
  #askedAt = 0;
  #isOff = false; // the server has said that there is no history
  #timer = 0;
  #forgetTimer = 0;
  #callbacks = new Set();

  static of(server, id) {
    const key = `${server} ${id}`;
    if (!recents.has(key)) recents.set(key, new Recent(server, id, key));
    return recents.get(key);
  }

  constructor(server, id, key) {
    Object.assign(this, { url: `${server}/history/${id}`, key });
  }

  follow(callback) {
    clearTimeout(this.#forgetTimer);
    this.#callbacks.add(callback);
  }

  unfollow(callback) {
    this.#callbacks.delete(callback);
    if (this.#callbacks.size) return;
    this.#clearTimer();
    clearTimeout(this.#forgetTimer);
    this.#data = null;
    // Kept for a while: a card that an app moves leaves, and comes back at once.
    this.#forgetTimer = setTimeout(() => recents.delete(this.key), HISTORY_INTERVAL_MS);
  }

  /** Every follower says what it knows of the user: it is requested again when that has changed. */
  onPresence(data) {
    if (data === this.#data) return;
    const before = this.#data;
    this.#data = data;
    if (data?.last_seen === undefined) {
      if (this.isPending || this.entries.length) this.#show([]);
      return;
    }
    // It is null as well where the history has been switched off.
    if (data.last_seen !== before?.last_seen) this.#isOff = false;
    if (before) this.#changedAt = Date.now();
    else setTimeout(() => this.isPending && this.#show(this.entries), FIRST_ANSWER_MS);
    this.#schedule(0);
  }

  #schedule(wait) {
    if (this.#timer || this.#isOff) return;
    const due = Math.max(this.#changedAt + RECORDED_MS, this.#askedAt + HISTORY_INTERVAL_MS);
    this.#timer = setTimeout(() => this.#request(), Math.max(wait, due - Date.now()));
  }

  #clearTimer() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  async #request() {
    if (this.#data?.last_seen === undefined) return this.#clearTimer();
    this.#askedAt = Date.now();
    const wait = await this.#ask().catch(() => HISTORY_INTERVAL_MS);
    this.#clearTimer();
    if (!this.#callbacks.size || this.#data?.last_seen === undefined) return;
    if (wait || this.#changedAt + RECORDED_MS > this.#askedAt) this.#schedule(wait);
  }

  /** Milliseconds until the next attempt, if there has to be one. */
  async #ask() {
    const response = await fetch(this.url, { signal: AbortSignal.timeout(HISTORY_TIMEOUT_MS) });
    if (response.ok) this.#show((await response.json()).data.recent);
    else if (response.status === 429 || response.status >= 500) {
      return 1000 * (Number(response.headers.get("retry-after")) || 5);
    } else {
      this.#isOff = true;
      this.#show([]);
    }
    return 0;
  }

  #show(entries) {
    this.isPending = false;
    this.entries = this.#data?.last_seen === undefined ? [] : entries;
    for (const call of [...this.#callbacks]) call();
  }
}
