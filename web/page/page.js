// The page at /: for a user id it shows a live card and code to copy. The card is the public widget.

import { Builder } from "./builder.js";
import { asReached } from "./loopback.js";
import { NOT_SHOWN, questionAbout, reasons } from "./why.js";

const HEALTH_INTERVAL_MS = 15_000;

const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const here = new URL(".", location.href).href.replace(/\/$/, "");
const api = root.dataset.api || here;
const socket = asReached(root.dataset.socket, here) || here.replace(/^http/, "ws");
const examples = root.dataset.examples.split(" ").filter(Boolean);

// --- health -------------------------------------------------------------------------------

async function updateHealth() {
  if (document.hidden) return;
  try {
    const responses = await Promise.all([
      fetch("health"),
      fetch("./", { headers: { accept: "application/json" } }),
    ]);
    const [health, front] = await Promise.all(responses.map((response) => response.json()));
    showHealth(health.data, front.data?.monitored_user_count);
  } catch {
    $("health").dataset.state = "down";
    $("health-text").textContent = "Server unreachable";
  }
}

function showHealth({ redis, gateway_silent_for: silence }, users) {
  $("health").dataset.state = redis && silence === null ? "live" : "stale";
  let text = `Live, ${users} ${users === 1 ? "user" : "users"}`;
  if (!redis) text = "Presence cannot be read at the moment";
  else if (silence !== null) text = `No data from Discord for ${silence} s`;
  $("health-text").textContent = text;
}

updateHealth();
setInterval(updateHealth, HEALTH_INTERVAL_MS);
document.addEventListener("visibilitychange", updateHealth);

// --- code to copy ------------------------------------------------------------------------------

const announce = (text) => ($("announce").textContent = text);
const builder = new Builder({ api, socket, announce, onChange: () => pushAddress(shownId()) });

// As the card shows it.
const statusOf = ({ status, activity }) =>
  activity.some(({ type }) => type === "Streaming") ? "streaming" : status;

// --- the user that is shown ------------------------------------------------------------------------------

const shownId = () => $("card").getAttribute("user");

function show(id) {
  $("card").hidden = !id;
  $("blank").hidden = Boolean(id);
  if (id !== shownId()) {
    if (id) $("card").setAttribute("user", id);
    else $("card").removeAttribute("user");
    delete $("stage").dataset.status;
    $("caption").textContent = "";
    offerReasons("");
  }
  $("user").value = id ?? "";
  showIdError("");
  for (const link of $("people").querySelectorAll("a")) {
    if (link.dataset.id === id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const example = id || examples[0] || $("user").placeholder;
  $("json").href = `user/${example}`;
  $("share").href = `u/${example}`;
  builder.show(example);
}

function navigate(id) {
  if (id !== shownId()) pushAddress(id);
  show(id);
}

/** The address shows the same user, and the same choices of the builder. */
function pushAddress(id) {
  const query = new URLSearchParams([...(id ? [["user", id]] : []), ...builder.parameters()]);
  const address = query.size ? `?${query}` : location.pathname;
  if (address !== location.search) history.pushState(null, "", address);
}

function showIdError(text) {
  const invalid = Boolean(text);
  $("hint").dataset.wrong = invalid;
  $("hint").textContent = text || $("hint").dataset.text;
  $("user").setAttribute("aria-invalid", invalid);
  if (invalid) announce(text);
}

$("hint").dataset.text = $("hint").textContent;

const MENTION_OR_PROFILE = /^(?:<@!?|(?:https?|discord):\/\/[^/?#]*\/users\/)(\d+)[/>]?$/;

const idIn = (text) => text.match(MENTION_OR_PROFILE)?.[1] ?? text;

const isId = (text) => /^[1-9]\d{14,18}$/.test(text);

const NOT_AN_ID =
  "This is not a Discord id: an id has 15 to 19 digits, such as 1274150219482660897. In Discord, turn on Developer Mode, right-click a user and choose Copy User ID.";

const NO_ID =
  "Type a Discord id first: in Discord, turn on Developer Mode, right-click a user and choose Copy User ID.";

let refused = ""; // the last text that was no id

/** Say at once that it is no id, and what it is as soon as the server has recognised it. */
async function refuse(text) {
  refused = text;
  showIdError(text ? NOT_AN_ID : NO_ID);
  const found = text && (await reasons(text));
  if (found && refused === text && $("hint").dataset.wrong === "true") showIdError(found);
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const id = idIn($("user").value.trim());
  if (isId(id)) navigate(id);
  else {
    refuse(id);
    $("user").focus();
  }
});

$("people").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  navigate(link.dataset.id);
});

// A link may have anything after ?user=. It gets into the card and the code to copy only as an id.
function showFromUrl() {
  const parameters = new URLSearchParams(location.search);
  const asked = parameters.get("user")?.trim() ?? "";
  const id = idIn(asked);
  builder.restore(parameters);
  show(isId(id) ? id : examples[0] || null);
  if (asked && !isId(id)) {
    $("user").value = asked;
    refuse(asked);
  }
}

addEventListener("popstate", showFromUrl);

// --- changes of the card ---------------------------------------------------------------------------

let changedAt = 0; // 0: not since the page has shown this user
let announcedId = "";

$("card").addEventListener("grux:update", ({ detail }) => {
  const { profile } = detail;
  $("stage").dataset.status = statusOf(detail);
  document.title = `${profile.display_name} · Grux`;
  changedAt = announcedId === profile.id ? Date.now() : 0;
  updateCaption();
  if (announcedId !== profile.id) announce(`Now showing ${profile.display_name}.`);
  announcedId = profile.id;
});

$("card").addEventListener("grux:state", ({ detail: { state, error } }) => {
  if (state === "error") {
    delete $("stage").dataset.status;
    document.title = "Grux: Discord presence, live on any page";
    if (error.code === "user_not_monitored")
      announce("Not monitored: join a server that Grux monitors.");
  }
  updateCaption();
});

function changeText(seconds) {
  if (seconds < 2) return "changed just now";
  return seconds < 60
    ? `changed ${seconds} s ago`
    : `unchanged for ${Math.floor(seconds / 60)} min`;
}

function updateCaption() {
  const seconds = Math.floor((Date.now() - changedAt) / 1000);
  const changed = changedAt ? `, ${changeText(seconds)}` : "";
  const how = { live: "Live over one WebSocket", polling: "Polled every 10 seconds" }[
    $("card").info?.state
  ];
  $("caption").textContent = how && shownId() ? how + changed : "";
}

setInterval(updateCaption, 1000);

// --- why a card is empty -------------------------------------------------------------------

/** Offer the reasons if there is a question, and show them at once if nobody is shown. */
function offerReasons(question, open = false) {
  if ($("why").dataset.question === question) return;
  $("why").dataset.question = question;
  $("why-question").textContent = question || "Why?";
  $("why-text").textContent = "";
  $("why").open = open;
}

// Setting `open` sends this event as well.
$("why").addEventListener("toggle", async () => {
  const { question } = $("why").dataset;
  if (!$("why").open || !question || $("why-text").textContent) return;
  const found = await reasons(shownId());
  if ($("why").dataset.question !== question) return;
  $("why-text").textContent = found || "Grux finds no reason at the moment.";
});

$("card").addEventListener("grux:update", ({ detail }) => offerReasons(questionAbout(detail)));

$("card").addEventListener("grux:state", ({ detail: { state, error } }) => {
  if (state === "error" && error.code === "user_not_monitored") offerReasons(NOT_SHOWN, true);
});

// --- example users -------------------------------------------------------------------------

function exampleItem(id) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  const dot = document.createElement("span");
  const name = document.createElement("bdi");
  Object.assign(link, { href: `?user=${id}` });
  link.dataset.id = id;
  dot.className = "dot";
  name.textContent = "…";
  link.append(dot, name);
  item.append(link);
  window.Grux.subscribe(id, (data, { state }) => {
    item.hidden = state === "error";
    if (!data) return;
    dot.dataset.status = statusOf(data);
    name.textContent = data.profile.display_name;
  });
  return item;
}

await customElements.whenDefined("grux-presence");
$("people")
  .querySelector("ul")
  .replaceChildren(...examples.map(exampleItem));
showFromUrl();
