// For places where sockets are blocked: GET /user/:id. The browser sends If-None-Match by itself.

const EVERY = 10_000;
const EACH = 500; // ms that each user adds: 50 of them make 120 requests a minute, of 1200 allowed
const WITHIN = 10_000;

/** What one answer says: `{ data, age }`, `{ error }`, `{ retry }`; ages in seconds, else ms. */
export async function read(server, id) {
  const answer = await fetch(`${server}/user/${id}`, { signal: AbortSignal.timeout(WITHIN) });
  const body = await answer.json();
  if (answer.ok) return { data: body.data, age: Number(answer.headers.get("x-grux-stale")) };
  if (answer.status === 400 || answer.status === 404) return { error: body.error };
  return { retry: 1000 * (Number(answer.headers.get("retry-after")) || 5) };
}

/** Asks for whomever `wanted()` names, again and again; ends when it names nobody. */
export class Poll {
  constructor(server, wanted, heard) {
    Object.assign(this, { server, wanted, heard });
  }

  start() {
    if (!this.running) this.running = this.#run().finally(() => (this.running = null));
  }

  async #run() {
    for (let ids; (ids = this.wanted()).length; ) {
      let wait = Math.max(EVERY, EACH * ids.length);
      const one = async (id) => {
        const said = await read(this.server, id).catch(() => ({}));
        if (said.retry) wait = Math.max(wait, said.retry);
        else this.heard(id, said);
      };
      await Promise.all(ids.map(one));
      await new Promise((done) => setTimeout(done, wait));
    }
  }
}
