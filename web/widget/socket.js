// One WebSocket for up to 50 users. The server fixes the users at connect: for other users a new
// WebSocket is opened, and the old one stays open until the new one is.

const OPEN_TIMEOUT_MS = 15_000; // a proxy may swallow the handshake

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

export class PresenceSocket {
  ids = new Set(); // without those that the server has refused
  failures = 0; // in a row, without a frame
  lostAt = Date.now(); // 0 while connected

  /** `owner` has `onFrame(socket, frame)`, `onConnectionChange()` and `onRefused(socket)`. */
  constructor(url, owner) {
    this.url = url;
    this.owner = owner;
  }

  /** Subscribe to these users only. While it waits for a retry, it goes on waiting. */
  subscribe(ids) {
    this.ids = new Set(ids);
    if (!this.retryTimer) this.open();
  }

  open() {
    clearTimeout(this.retryTimer);
    this.retryTimer = 0;
    discard(this.next);
    this.requested = this.ids.size;
    let socket;
    try {
      socket = new WebSocket(`${this.url}/?user_id=${[...this.ids].join("&user_id=")}`);
    } catch {
      return this.#retry(); // the page's policy does not allow this address
    }
    this.next = socket;
    const timeout = setTimeout(() => socket.close(), OPEN_TIMEOUT_MS);
    socket.onopen = () => {
      clearTimeout(timeout);
      discard(this.socket);
      this.socket = socket;
      this.next = null;
    };
    socket.onmessage = ({ data }) => {
      this.failures = 0;
      this.lostAt = 0;
      this.owner.onFrame(this, JSON.parse(data));
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
    this.lostAt ||= Date.now();
  }

  #retry(code) {
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => this.open(), retryDelay(code, this.failures++));
    this.owner.onConnectionChange();
  }

  close() {
    clearTimeout(this.retryTimer);
    this.retryTimer = 0;
    discard(this.next);
    discard(this.socket);
    this.next = null;
    this.#disconnected();
  }
}
