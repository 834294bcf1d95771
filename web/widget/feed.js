// What everybody who is watched does, from one server: over sockets, else by asking.

import { Line } from "./line.js";
import { Poll } from "./poll.js";

const PER_LINE = 50; // the server's limit
const SETTLE = 30; // ms: what comes and goes together is one change of the lines
const OLD_AFTER = 8000; // ms without news, until it is said
const POLL_AFTER = 3; // sockets that brought nothing
const SLEEP_AFTER = 30_000; // ms in a hidden tab
const LOOK_EVERY = 2000; // ms
const SLEPT = 20_000; // ms: a clock that jumps so far was asleep, and its sockets are dead

/** As shared/discord/snowflake.py has it: one id that is none would end a socket for all of them. */
function isId(text) {
  if (!/^[1-9]\d{14,19}$/.test(text)) return false;
  const id = BigInt(text);
  return id < 1n << 64n && Number(id >> 22n) + 1_420_070_400_000 < Date.now() + 3_600_000;
}

export class Feed {
  #topics = new Map();
  #lines = new Set();
  #asleep = false;
  #wokeAt = 0;
  #settling = 0;

  /** `invite`: the server's Discord invitation, where it is known. */
  constructor(server, socket, invite) {
    this.socket = socket;
    this.invite = invite;
    this.poll = new Poll(server, () => this.#unheard(), (id, said) => this.#answer(id, said));
    let hiding;
    const look = () => {
      clearTimeout(hiding);
      if (document.hidden) hiding = setTimeout(() => this.#sleep(), SLEEP_AFTER);
      else this.#wake();
    };
    look();
    document.addEventListener("visibilitychange", look);
    addEventListener("pagehide", () => this.#sleep()); // else it cannot be kept for "back"
    addEventListener("pageshow", () => this.#wake());
    addEventListener("online", () => this.#again());
    let looked = Date.now();
    setInterval(() => {
      if (Date.now() - looked > SLEPT) this.#again();
      looked = Date.now();
      this.moved();
    }, LOOK_EVERY);
  }

  /** `listener(data, info)`, now and at each change. Gives a function that ends it. */
  watch(id, listener) {
    let topic = this.#topics.get(id);
    if (!topic) {
      topic = { id, data: null, error: null, polledAt: 0, age: 0, told: "", ears: new Set() };
      this.#topics.set(id, topic);
    }
    topic.error = isId(id) ? null : { code: "invalid_user_id" }; // they may have joined meanwhile
    const ear = (...news) => listener(...news); // the same function may listen twice
    topic.ears.add(ear);
    this.#soon();
    queueMicrotask(() => topic.ears.has(ear) && ear(topic.data, this.#info(topic)));
    return () => {
      topic.ears.delete(ear);
      this.#soon();
    };
  }

  // --- lines: every user on one of them, on as few as may be ------------------------------------

  #soon() {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#asleep || this.#settle(), SETTLE);
  }

  #settle() {
    for (const [id, { ears }] of this.#topics) {
      if (ears.size) continue;
      this.#topics.delete(id);
      this.#lineOf(id)?.ids.delete(id); // whoever comes back needs a first frame again
    }
    for (const line of this.#lines) if (!line.ids.size) this.#end(line);
    const fresh = [...this.#topics.values()].filter(({ id, error }) => !error && !this.#lineOf(id));
    const ids = fresh.map(({ id }) => id);
    for (const line of this.#lines) {
      const more = ids.splice(0, PER_LINE - line.ids.size);
      if (more.length) line.carry([...line.ids, ...more]);
    }
    while (ids.length) {
      const line = new Line(this.socket, this);
      this.#lines.add(line);
      line.carry(ids.splice(0, PER_LINE));
    }
  }

  #lineOf(id) {
    return [...this.#lines].find(({ ids }) => ids.has(id));
  }

  #end(line) {
    line.close();
    this.#lines.delete(line);
  }

  /** A line brings news. */
  frame(line, { op, user_id: id, d }) {
    const topic = this.#topics.get(id);
    if (!topic) return;
    if (op === "initial_data" || (op !== "error" && topic.data)) {
      topic.age = 0;
      return this.#tell(topic, { ...topic.data, ...d });
    }
    if (d.code !== "user_not_monitored" && d.code !== "invalid_user_id") return; // it will pass
    line.ids.delete(id);
    this.#fail(topic, d);
  }

  /** A line stands or has fallen, or time has passed. */
  moved() {
    for (const topic of this.#topics.values()) this.#tell(topic, topic.data);
    if (this.#unheard().length) this.poll.start();
  }

  /** A line is not wanted by the server. Those of whom it did not say so get another one. */
  refused(line) {
    this.#end(line);
    if (line.ids.size < line.asked) return this.#soon();
    for (const id of line.ids) this.#fail(this.#topics.get(id), { code: "refused" });
  }

  // --- asking ----------------------------------------------------------------------------------

  /** Whom no line tells of. */
  #unheard() {
    const silent = (line) => line.lostAt && (line.failures >= POLL_AFTER || this.#old(line.lostAt));
    return this.#asleep ? [] : [...this.#lines].filter(silent).flatMap(({ ids }) => [...ids]);
  }

  #answer(id, { data, age, error }) {
    const topic = this.#topics.get(id);
    if (!topic || !this.#lostAt(id)) return; // a socket was faster
    if (error) return this.#fail(topic, error);
    if (data) Object.assign(topic, { polledAt: Date.now(), age });
    this.#tell(topic, data ?? topic.data);
  }

  // --- telling ---------------------------------------------------------------------------------

  #fail(topic, { code, message, discord_invite }) {
    topic.error = { code, message, discord_invite: discord_invite ?? (this.invite || null) };
    this.#tell(topic, null);
  }

  #tell(topic, data) {
    if (data) topic.error = null;
    const known = topic.data;
    topic.data = data;
    const info = this.#info(topic);
    const told = JSON.stringify([info.state, info.error]);
    if (data === known && told === topic.told) return;
    topic.told = told;
    for (const ear of [...topic.ears]) ear(data, info);
  }

  /** `since`: ms since 1970, when the data were last known to be true. */
  #info({ id, data, error, polledAt, age }) {
    const lostAt = this.#lostAt(id);
    const polled = lostAt && !this.#old(polledAt, 60_000);
    const since = lostAt ? Math.max(lostAt, polledAt) - 1000 * age : Date.now();
    let state = "live";
    if (error) state = "error";
    else if (age || (lostAt && !polled && this.#old(lostAt))) state = "stale";
    else if (!data) state = "loading";
    else if (polled) state = "polling";
    return { state, since, error };
  }

  /** 0 while a line tells of this user. */
  #lostAt(id) {
    return this.#lineOf(id)?.lostAt ?? Date.now();
  }

  #old(time, after = OLD_AFTER) {
    return Date.now() - Math.max(time, this.#wokeAt) >= after;
  }

  // --- sleeping --------------------------------------------------------------------------------

  #sleep() {
    this.#asleep = true;
    for (const line of this.#lines) line.close();
  }

  #wake() {
    if (!this.#asleep) return;
    this.#asleep = false;
    this.#wokeAt = Date.now();
    for (const topic of this.#topics.values()) if (isId(topic.id)) topic.error = null;
    this.#again();
    this.#settle();
  }

  /** New sockets at once, whatever the pauses. */
  #again() {
    if (!this.#asleep) for (const line of this.#lines) line.open();
  }
}
