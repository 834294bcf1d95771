// Runs Lanyard's clients, as published, against GRUX (host:port), and prints what each shows as a line
// of JSON. Lines that are read name what to do. Only the addresses are replaced: several clients have
// api.lanyard.rest built in, and one always uses TLS.
import readline from "node:readline";
import WebSocket from "ws";

const { GRUX, USER, STRANGER, KEY } = process.env;
const here = (url) => String(url).replace(/^(http|ws)s?:\/\/(api\.lanyard\.rest|grux\.test)/, `$1://${GRUX}`);
const counts = { sockets: 0 };
const plainFetch = globalThis.fetch;

globalThis.window = globalThis;
globalThis.addEventListener ??= () => {};
globalThis.removeEventListener ??= () => {};
globalThis.fetch = (input, init) =>
  plainFetch(input instanceof Request ? new Request(here(input.url), input) : here(input), init);
globalThis.WebSocket = class extends WebSocket {
  constructor(url) {
    super(here(url), { allowSynchronousEvents: false }); // one event at a time, as in browsers
    counts.sockets += 1;
    this.on("error", () => {}); // browsers only report it
  }
};
globalThis.IS_REACT_ACT_ENVIRONMENT = false;
process.on("uncaughtException", (error) => print("uncaught", null, String(error?.message ?? error)));

const print = (client, data, error) =>
  process.stdout.write(`${JSON.stringify({ client, data: data ?? null, error: error ?? null })}\n`);

const React = (await import("react")).default;
const { create } = (await import("react-test-renderer")).default;
const use = await import("use-lanyard");
const reactUse = (await import("react-use-lanyard")).default;
const sk = await import("sk-lanyard");
const svelte = (await import("svelte-lanyard")).default;
const wrapper = (await import("lanyard-wrapper")).default;
const prequist = await import("@prequist/lanyard");
const { createRenderer, watchEffect, h } = await import("vue");
const vue = await import("vue-lanyard");

// After the imports: Vue looks for a real one. swrv needs it to have events.
globalThis.document = { visibilityState: "visible", hidden: false, addEventListener() {}, removeEventListener() {} };

const api = { hostname: "grux.test", secure: false };
const shown = new Map();

/** Renders a hook, and prints its result whenever it is another one. */
function render(client, hook) {
  function Component() {
    const [data, error] = hook();
    const text = JSON.stringify([data, error?.message]);
    if ((data !== undefined || error) && shown.get(client) !== text) {
      shown.set(client, text);
      print(client, data, error?.message);
    }
    return null;
  }
  return create(React.createElement(Component));
}

const settled = (client, promise) =>
  promise.then(
    (data) => print(client, data),
    (error) => print(client, null, error.message),
  );

function sockets(user, suffix = "") {
  render(`use-lanyard${suffix}`, () => [use.useLanyardWS(user, { api })]);
  render(`react-use-lanyard${suffix}`, () => {
    const { status } = reactUse.useLanyard({ userId: user, socket: true, apiUrl: "grux.test" });
    return [status];
  });
  const seen = (client) => (data) => data !== undefined && print(client, data);
  sk.useLanyard({ method: "ws", id: user, wsUrl: `ws://${GRUX}/socket` }).subscribe(seen(`sk-lanyard${suffix}`));
  svelte.useLanyard(user).subscribe(seen(`svelte-lanyard${suffix}`));
  wrapper.connectWebSocket(user, seen(`lanyard-wrapper${suffix}`));
}

function rest(user, suffix = "") {
  settled(`use-lanyard get${suffix}`, use.get(user, { api }).then((got) => (got.error ? Promise.reject(got.error) : got.data)));
  render(`use-lanyard rest${suffix}`, () => {
    const { data, error } = use.useLanyard(user, { api });
    return [data, error];
  });
  render(`react-use-lanyard rest${suffix}`, () => {
    const { data, error } = reactUse.useLanyard({ userId: user, apiUrl: "grux.test" });
    return [data?.data, error];
  });
  settled(`lanyard-wrapper rest${suffix}`, wrapper.fetchUserData(user));
  settled(`@prequist/lanyard${suffix}`, prequist.get(user));
  const nodes = { insert() {}, remove() {}, createElement: () => ({}), createText: () => ({}), createComment: () => ({}), setText() {}, setElementText() {}, parentNode: () => ({}), nextSibling: () => null, patchProp() {} };
  createRenderer(nodes)
    .createApp({
      setup() {
        const { data, error } = vue.useLanyard(user);
        watchEffect(() => {
          if (data.value || error.value) print(`vue-lanyard${suffix}`, data.value, error.value?.message);
        });
        return () => h("i");
      },
    })
    .mount({});
}

const store = {
  set: () => reactUse.set({ apiKey: KEY, key: "city", userId: USER, value: "Kyoto", apiUrl: "grux.test" }).then((r) => r.status),
  merge: () => wrapper.mergeKV(USER, { city: "Nara", mood: "calm" }, KEY).then(() => wrapper.getKV(USER, "mood")),
  json: () => wrapper.setKV(USER, "mood", "fine", KEY).then(() => wrapper.getKV(USER, "mood")),
  delete: () => wrapper.deleteKV(USER, "mood", KEY).then(() => "gone"),
  del: () => reactUse.del({ apiKey: KEY, key: "city", userId: USER, apiUrl: "grux.test" }).then((r) => r.status),
  denied: () => wrapper.setKV(USER, "city", "x", "wrong"),
};

const verbs = {
  sockets: () => sockets(USER),
  strangers: () => {
    sockets(STRANGER, " (stranger)");
    rest(STRANGER, " (stranger)");
  },
  rest: () => rest(USER),
  several: () => {
    sk.useLanyard({ method: "ws", ids: [USER, STRANGER], wsUrl: `ws://${GRUX}/socket` }).subscribe((data) => data && print("sk-lanyard map", data));
    wrapper.connectWebSocket([USER, STRANGER], (data) => print("lanyard-wrapper map", data));
  },
  count: () => print("count", counts.sockets),
  quit: () => process.exit(0),
};

print("ready", true);
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [verb, what] = line.split(" ");
  if (verb === "kv") settled(`kv ${what}`, store[what]());
  else verbs[verb]();
}
process.exit(0);
