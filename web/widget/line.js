// One socket for up to 50 users. The server fixes them at connect: for others a new socket is opened,
// and the old one goes on until the new one stands.

const OPEN_WITHIN = 15_000; // ms: a proxy may swallow the handshake

const step = (failures) => Math.min(30_000, 1000 * 2 ** failures);

/** Milliseconds until the next try. Random, so that a server that comes back is not overrun. */
function pause(code, failures) {
  const [least, spread] = {
    1012: [1000, 4000], // the server restarts, and everybody was told so at once
    1013: [5000, 10_000], // it cannot read presences now
    4429: [30_000, 60_000], // this address has too many connections
  }[code] ?? [step(failures) / 2, step(failures) / 2];
  return least + Math.random() * spread;
}

/** One that is about to open is let open first: browsers complain otherwise. */
function hangUp(socket) {
  if (!socket) return;
  socket.onmessage = socket.onclose = null;
  socket.onopen = () => socket.close();
  if (socket.readyState === WebSocket.OPEN) socket.close();
}

export class Line {
  ids = new Set(); // whoever the server says it does not know is taken out
  failures = 0; // in a row, without a frame
  lostAt = Date.now(); // 0 while it stands

  /** `owner`: has `frame(line, message)`, `moved()` (it stands or falls), `refused(line)`. */
  constructor(url, owner) {
    this.url = url;
    this.owner = owner;
  }

  /** Ask for these from now on. A line that waits for its next try goes on waiting. */
  carry(ids) {
    this.ids = new Set(ids);
    if (!this.waiting) this.open();
  }

  open() {
    clearTimeout(this.waiting);
    this.waiting = 0;
    hangUp(this.next);
    this.asked = this.ids.size;
    let socket;
    try {
      socket = new WebSocket(`${this.url}/?user_id=${[...this.ids].join("&user_id=")}`);
    } catch {
      return this.#fell(); // this page may not use such an address at all
    }
    this.next = socket;
    const late = setTimeout(() => socket.close(), OPEN_WITHIN);
    socket.onopen = () => {
      clearTimeout(late);
      hangUp(this.socket);
      this.socket = socket;
      this.next = null;
    };
    socket.onmessage = ({ data }) => {
      this.failures = 0;
      this.lostAt = 0;
      this.owner.frame(this, JSON.parse(data));
    };
    socket.onclose = ({ code }) => {
      clearTimeout(late);
      if (this.next === socket) this.next = null;
      else this.#lost();
      if (code === 4400 || code === 4404) this.owner.refused(this);
      else this.#fell(code);
    };
  }

  #lost() {
    this.socket = null;
    this.lostAt ||= Date.now();
  }

  #fell(code) {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.open(), pause(code, this.failures++));
    this.owner.moved();
  }

  close() {
    clearTimeout(this.waiting);
    this.waiting = 0;
    hangUp(this.next);
    hangUp(this.socket);
    this.next = null;
    this.#lost();
  }
}
