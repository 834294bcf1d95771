// The page at /me with JavaScript: each change is saved at once, and the card beside it is live. Without
// it the same form is sent by its button. What the page says is always the server's own HTML.

import { asSentence, controlOf, isChanged, isEmpty, isOfList, patchOf } from "./patch.js";

const TYPING_MS = 900; // without a key: what is typed is saved
const TOAST_MS = 6000;
const WAITING_MS = 2000; // between looks while the person should appear soon
const HIDDEN_MS = 30_000; // and while they are hidden

const $ = (id) => document.getElementById(id);
const form = $("settings");
const card = document.querySelector("grux-presence");

// Of this machine, behind the server's clock. A page of an earlier version does not tell.
const clockLag = (Number(form.dataset.now) || Date.now()) - Date.now();

let fade;

function announce(text) {
  $("announce").textContent = text;
  clearTimeout(fade);
  fade = setTimeout(() => ($("announce").textContent = ""), TOAST_MS);
}

// --- saving ---------------------------------------------------------------------------------

let queue = Promise.resolve(); // one request at a time, in the order of the changes
let savedLinks = JSON.stringify(linksOf());
if ([...form.querySelectorAll(".link input")].some(isChanged)) savedLinks = ""; // before the script

function linksOf() {
  return patchOf(form, { name: "link_url" }).links;
}

/** Save what this control changes. */
function save(control) {
  clearTimeout(control.timer);
  if (!control.unsaved) control.saved = !control.checked; // of a switch
  control.unsaved = (control.unsaved ?? 0) + 1;
  queue = queue
    .then(() => send(control))
    .catch(() => failed(control))
    .finally(() => (control.unsaved -= 1));
}

async function send(control) {
  const { name, checked, value } = control; // as it is now: it may be changed meanwhile
  const known = { now: Date.now() + clockLag };
  if (isOfList(control)) {
    announce("Saving…");
    const found = await fetchSettings();
    if (!found) return;
    if (found.error) return failed(control, found.error);
    known.settings = found.data.settings;
  }
  const patch = patchOf(form, { name, checked, value }, known);
  if (!patch) return;
  announce("Saving…");
  const response = await fetch(form.action, {
    method: "PATCH",
    headers: {
      accept: "application/json",
      "content-type": "application/json",
      "x-csrf-token": form.elements.csrf.value,
    },
    body: JSON.stringify(patch),
  });
  if (response.status === 401) return location.reload(); // to the page that offers to sign in
  const { error } = await response.json();
  if (error) return failed(control, error);
  control.saved = checked;
  showError(control, "");
  if (patch.links) savedLinks = JSON.stringify(patch.links);
  if (control.id === "more_applications" && control.value === value) control.value = "";
  await refresh().catch(() => {}); // it is saved all the same
  announce("Saved. Everyone sees it within a second.");
}

/** What the server has: it may have been changed by /grux, or in another tab. */
async function fetchSettings() {
  const response = await fetch(form.action, { headers: { accept: "application/json" } });
  if (response.status !== 401) return response.json();
  location.reload(); // to the page that offers to sign in
}

/** Without an `error` of the server, it cannot be reached. */
function failed(control, error) {
  // If it was switched again meanwhile, what it shows is still to be saved.
  if (control.type === "checkbox" && control.unsaved === 1) control.checked = control.saved;
  const place = (error?.field && controlOf(form, error.field)) || control;
  let text = "Not saved: the server cannot be reached. Try again in a moment.";
  if (error) text = asSentence(error.message, error.field, labelOf(place));
  if ($(`${place.id}-error`)) showError(place, text);
  announce(text);
}

const labelOf = (control) => control.labels?.[0]?.textContent ?? "";

function showError(control, text) {
  for (const one of control.closest(".link")?.querySelectorAll("input") ?? [control]) {
    const place = $(`${one.id}-error`);
    if (!place) continue;
    place.textContent = one === control ? text : "";
    if (place.textContent) one.setAttribute("aria-invalid", "true");
    else one.removeAttribute("aria-invalid");
  }
}

const isText = ({ type }) => type === "text" || type === "textarea";

form.addEventListener("submit", (event) => {
  event.preventDefault(); // by the Enter key
  if (document.activeElement.closest(".link")) saveLinks();
  else if (document.activeElement.form === form) save(document.activeElement);
});
form.addEventListener("change", ({ target }) => {
  if (!target.closest(".link")) save(target);
});
form.addEventListener("input", ({ target }) => {
  if (isSavedWhileTyping(target)) saveSoon(target);
});

const isSavedWhileTyping = (control) =>
  isText(control) && !control.closest(".link") && control.id !== "more_applications";

function saveSoon(control) {
  clearTimeout(control.timer);
  control.timer = setTimeout(() => save(control), TYPING_MS);
}

// A row of links is complete, or wrong, once the focus has left it.
form.addEventListener("focusout", ({ target, relatedTarget }) => {
  const row = target.closest(".link");
  if (row && !row.contains(relatedTarget)) saveLinks(row);
});

function saveLinks(row = document.activeElement.closest(".link")) {
  if (JSON.stringify(linksOf()) === savedLinks) return;
  const control = row.querySelector('input[name="link_url"]');
  if (isEmpty(row)) showError(control, "");
  save(control);
}

/** What was changed before this script was there. What has the focus is saved when it is left. */
function saveEarlierChanges() {
  const focused = document.activeElement;
  const changed = [...form.elements].filter((control) => control.name && isChanged(control));
  const row = changed.map((control) => control.closest(".link")).find(Boolean);
  if (row && !focused.closest(".link")) saveLinks(row);
  for (const control of changed) {
    if (control === focused && isSavedWhileTyping(control)) saveSoon(control);
    else if (!control.closest(".link") && !(control === focused && isText(control))) save(control);
  }
}

saveEarlierChanges();
form.classList.add("live"); // hides the button

// --- what the page says --------------------------------------------------------------------

const REFRESHED = ["state", "app-list", "pause", "join"];
const served = new Map(REFRESHED.map((id) => [id, $(id).innerHTML])); // as the server sent them

/** Take these parts from the page as it is now, unless the person is in one of them. */
async function refresh() {
  const response = await fetch(form.action, { headers: { accept: "text/html" } });
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const id of REFRESHED) {
    const fresh = page.getElementById(id);
    if (!fresh || fresh.innerHTML === served.get(id)) continue;
    if ($(id).contains(document.activeElement) && id !== "pause") continue;
    served.set(id, fresh.innerHTML);
    $(id).replaceChildren(...fresh.childNodes);
  }
  $("stage").dataset.shown = page.getElementById("stage")?.dataset.shown;
  localizeTimes();
  if ($("stage").dataset.shown === "yes" && card.info?.state === "error") {
    card.setAttribute("user", card.user); // subscribes again
  }
}

function localizeTimes() {
  for (const time of document.querySelectorAll("main time")) {
    const shown = new Date(time.dateTime);
    time.textContent = shown.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  }
}

localizeTimes();

/** A person who has just joined, or whose pause ends, appears without a reload. */
function refreshWhile(shown, interval) {
  setInterval(() => {
    if (!document.hidden && $("stage").dataset.shown === shown) refresh().catch(() => {});
  }, interval);
}

refreshWhile("waiting", WAITING_MS);
refreshWhile("no", HIDDEN_MS);

let applications = null; // of the activities, to notice new ones
card.addEventListener("grux:update", ({ detail }) => {
  $("stage").dataset.status = detail.status;
  const ids = detail.activity.map(({ application_id }) => application_id).join();
  if (applications !== null && ids !== applications) refresh().catch(() => {});
  applications = ids;
});
card.addEventListener("grux:state", ({ detail: { state } }) => {
  if (state === "error") delete $("stage").dataset.status;
});

// --- the key ------------------------------------------------------------------------------

const copy = $("copy-key");
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText($("new-key").textContent);
      announce("Copied.");
    } catch {
      getSelection().selectAllChildren($("new-key"));
      announce("Press Ctrl+C.");
    }
  });
}
