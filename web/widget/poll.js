// Where sockets are blocked: GET /user/:id at intervals. The browser sends If-None-Match by itself.

const POLL_INTERVAL_MS = 10_000;
const POLL_INTERVAL_PER_USER_MS = 500; // 50 users make 120 requests a minute, of 1200 allowed
const POLL_TIMEOUT_MS = 10_000;

/** One response: `{ data, age }` with the age in seconds, `{ error }`, or `{ retryAfter }` in ms. */
export async function fetchUser(server, id) {
  const response = await fetch(`${server}/user/${id}`, {
    signal: AbortSignal.timeout(POLL_TIMEOUT_MS),
  });
  const body = await response.json();
  if (response.ok) return { data: body.data, age: Number(response.headers.get("x-grux-stale")) };
  if (response.status === 400 || response.status === 404) return { error: body.error };
  return { retryAfter: 1000 * (Number(response.headers.get("retry-after")) || 5) };
}

/** Requests every id of `wanted()` again and again, and stops when there is none. */
export class Poll {
  constructor(server, wanted, onResponse) {
    Object.assign(this, { server, wanted, onResponse });
  }

  start() {
    this.running ??= this.#run().finally(() => {
      this.running = null;
    });
  }

  async #run() {
    for (let ids = this.wanted(); ids.length; ids = this.wanted()) {
      let wait = Math.max(POLL_INTERVAL_MS, POLL_INTERVAL_PER_USER_MS * ids.length);
      const request = async (id) => {
        const response = await fetchUser(this.server, id).catch(() => ({}));
        if (response.retryAfter) wait = Math.max(wait, response.retryAfter);
        else this.onResponse(id, response);
      };
      await Promise.all(ids.map(request));
      await new Promise((done) => setTimeout(done, wait));
    }
  }
}
