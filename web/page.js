// The page at /: an id in, a live card and code to copy out. The card is the widget, as others use it.

import { snippets } from "./snippets.js";

const ASK_HEALTH_EVERY = 15_000; // ms
const THEME = "grux-theme";

const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const here = new URL(".", location.href).href.replace(/\/$/, "");
const api = root.dataset.api || here;
const socket = root.dataset.socket || here.replace(/^http/, "ws");
const examples = root.dataset.examples.split(" ").filter(Boolean);

// --- dark and light ----------------------------------------------------------------------------

const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

function showTheme() {
  const chosen = localStorage.getItem(THEME);
  if (chosen) root.dataset.theme = chosen;
  const dark = chosen ? chosen === "dark" : systemIsDark.matches;
  $("theme")?.setAttribute("aria-pressed", dark);
  return dark;
}

showTheme(); // before the first paint
systemIsDark.addEventListener("change", showTheme);
$("theme").addEventListener("click", () => {
  localStorage.setItem(THEME, showTheme() ? "light" : "dark");
  showTheme();
});

// --- is it well? -------------------------------------------------------------------------------

async function askHealth() {
  if (document.hidden) return;
  try {
    const answers = await Promise.all([fetch("health"), fetch("./", { headers: { accept: "application/json" } })]);
    const [health, front] = await Promise.all(answers.map((answer) => answer.json()));
    showHealth(health.data, front.data?.monitored_user_count);
  } catch {
    $("health").dataset.state = "down";
    $("health-text").textContent = "Cannot be reached";
  }
}

function showHealth({ redis, gateway_silent_for: silence }, people) {
  $("health").dataset.state = redis && silence === null ? "live" : "stale";
  let text = `Live, ${people} ${people === 1 ? "person" : "people"}`;
  if (!redis) text = "Presence cannot be read now";
  else if (silence !== null) text = `Discord is silent for ${silence} s`;
  $("health-text").textContent = text;
}

askHealth();
setInterval(askHealth, ASK_HEALTH_EVERY);
document.addEventListener("visibilitychange", askHealth);

// --- code to copy ------------------------------------------------------------------------------

let tab = "Widget";

function showSnippet() {
  const id = shownId() || examples[0] || $("user").placeholder;
  const all = snippets({ api, socket, id });
  $("tabs").replaceChildren(...Object.keys(all).map((name) => tabOf(name)));
  $("panel").setAttribute("aria-labelledby", `tab-${tab}`);
  const parts = all[tab].split(id).flatMap((text) => [marked(id), text]);
  $("code").replaceChildren(...parts.slice(1));
  $("copy").textContent = "Copy";
  $("json").href = `user/${id}`;
}

function marked(id) {
  const mark = document.createElement("mark");
  mark.textContent = id;
  return mark;
}

function tabOf(name) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", id: `tab-${name}`, textContent: name, role: "tab" });
  button.setAttribute("aria-selected", name === tab);
  button.setAttribute("aria-controls", "panel");
  button.tabIndex = name === tab ? 0 : -1;
  return button;
}

function choose(name) {
  tab = name;
  showSnippet();
}

$("tabs").addEventListener("click", ({ target }) => {
  if (target.role === "tab") choose(target.textContent);
});

// WAI-ARIA Authoring Practices: Tabs.
$("tabs").addEventListener("keydown", (event) => {
  const names = [...$("tabs").children].map((button) => button.textContent);
  const last = names.length - 1;
  const now = names.indexOf(tab);
  const next = { ArrowRight: now === last ? 0 : now + 1, ArrowLeft: now || names.length, Home: 0, End: last }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  choose(names[event.key === "ArrowLeft" ? next - 1 : next]);
  $(`tab-${tab}`).focus();
});

$("copy").addEventListener("click", async () => {
  let said = "Copied";
  try {
    await navigator.clipboard.writeText($("code").textContent);
  } catch {
    getSelection().selectAllChildren($("code"));
    said = "Press Ctrl+C";
  }
  $("copy").textContent = said;
  announce(said);
  setTimeout(() => ($("copy").textContent = "Copy"), 2000);
});

// --- whom to show ------------------------------------------------------------------------------

const announce = (text) => ($("announce").textContent = text);
const shownId = () => $("card").getAttribute("user");

function show(id) {
  $("card").hidden = !id;
  $("blank").hidden = Boolean(id);
  if (id) $("card").setAttribute("user", id);
  else $("card").removeAttribute("user");
  delete $("stage").dataset.status;
  $("caption").textContent = "";
  $("user").value = id ?? "";
  complain("");
  for (const link of $("people").querySelectorAll("a")) {
    if (link.dataset.id === id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  showSnippet();
}

function go(id) {
  if (id !== shownId()) history.pushState(null, "", `?user=${id}`);
  show(id);
}

function complain(text) {
  const wrong = Boolean(text);
  $("hint").dataset.wrong = wrong;
  $("hint").textContent = text || $("hint").dataset.text;
  $("user").setAttribute("aria-invalid", wrong);
  if (wrong) announce(text);
}

$("hint").dataset.text = $("hint").textContent;

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const id = $("user").value.trim();
  if (/^[1-9]\d{14,19}$/.test(id)) go(id);
  else {
    complain(id ? "This is not a Discord id: an id has 15 to 20 digits, such as 1274150219482660897. In Discord, turn on Developer Mode, right-click a person and choose Copy User ID."
      : "Type a Discord id first: in Discord, turn on Developer Mode, right-click a person and choose Copy User ID.");
    $("user").focus();
  }
});

$("people").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go(link.dataset.id);
});

const fromAddress = () => new URLSearchParams(location.search).get("user")?.trim() || examples[0] || null;

addEventListener("popstate", () => show(fromAddress()));

// --- the card's news ---------------------------------------------------------------------------

let changedAt = 0;
let told = "";

$("card").addEventListener("grux:update", ({ detail: { profile, status } }) => {
  $("stage").dataset.status = status;
  document.title = `${profile.display_name} · Grux`;
  changedAt = Date.now();
  caption();
  if (told !== profile.id) announce(`Now showing ${profile.display_name}.`);
  told = profile.id;
});

$("card").addEventListener("grux:state", ({ detail: { state, error } }) => {
  if (state === "error") {
    delete $("stage").dataset.status;
    document.title = "Grux: Discord presence, live on any page";
    if (error.code === "user_not_monitored") announce("Not monitored: join a server that Grux watches.");
  }
  caption();
});

function caption() {
  const seconds = Math.floor((Date.now() - changedAt) / 1000);
  const when = seconds < 2 ? "changed just now" : seconds < 60 ? `changed ${seconds} s ago` : `unchanged for ${Math.floor(seconds / 60)} min`;
  const how = { live: "Live over one WebSocket", polling: "Asked for every 10 seconds" }[$("card").info?.state];
  $("caption").textContent = how && shownId() ? `${how}, ${when}` : "";
}

setInterval(caption, 1000);

// --- people to look at -------------------------------------------------------------------------

function personOf(id) {
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
    dot.dataset.status = data.status;
    name.textContent = data.profile.display_name;
  });
  return item;
}

await customElements.whenDefined("grux-presence");
$("people").hidden = !examples.length;
$("people").querySelector("ul").replaceChildren(...examples.map(personOf));
show(fromAddress());
