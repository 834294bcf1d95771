// A presence as elements: what the widget shows. Everything in it was typed by strangers.

import { h } from "./dom.js";
import { failed } from "./pictures.js";
import { rows } from "./rows.js";

const STATUS = { online: "Online", idle: "Idle", dnd: "Do not disturb", invisible: "Offline" };
const DEVICE = { mobile: "on a phone", web: "in a browser", embedded: "on a console", vr: "in VR" };
const ON_THIS_MACHINE = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/]/; // a simulated Discord

/** A picture, or what stands in for one that is missing, unsafe or out of reach. */
function picture(spec, url, attributes, instead) {
  const safe = url?.startsWith("https://") || ON_THIS_MACHINE.test(url);
  if (!safe || failed(url)) return instead;
  return h(`img ${spec}`, { alt: "", ...attributes, src: url });
}

/** A link if `url` may be one, else the same without it. */
function link(spec, url, attributes, ...children) {
  if (!/^https?:\/\//.test(url ?? "")) return h(`span ${spec}`, attributes, ...children);
  const safe = { href: url, target: "_blank", rel: "noopener nofollow" };
  return h(`a ${spec}`, { ...attributes, ...safe }, ...children);
}

const statusOf = ({ status }) => STATUS[status] ?? STATUS.invisible;
const letter = (spec, text) => h(`span ${spec} letter`, { "aria-hidden": "true" }, [...text.trim()][0]?.toUpperCase());
const clock = (kind, { start, end }) => h("time", { "data-time": kind, "data-start": start, "data-end": end });
const captioned = (text) => ({ alt: text, title: text });

/** `hidden`: a Set of part names. `compact`: one line. */
export function card({ data, info, hidden, compact }) {
  const size = compact ? " compact" : "";
  if (!data) return info.error ? refusal(info.error) : skeleton(info, size);
  const { profile, status, custom_status: custom } = data;
  const unless = (part, shown) => !hidden.has(part) && shown;
  const name = profile.display_name || profile.username;
  const all = rows(data).filter(({ part }) => !hidden.has(part));
  const words = unless("custom-status", custom) && said(custom);
  return h(
    `article card${size}`,
    { "data-status": status, "data-state": info.state, "aria-label": `Presence of ${name}` },
    unless("nameplate", picture("nameplate", profile.nameplate_image)),
    h(
      "header header",
      { "data-key": "header" },
      h(
        "span avatar",
        null,
        picture("avatar-image", profile.avatar_image, null, letter("avatar-image", name)),
        unless("decoration", picture("decoration", profile.avatar_decoration_image)),
        h("span status", { role: "img", "aria-label": statusOf(data), title: statusOf(data) }),
      ),
      h(
        "div who",
        null,
        h("div names", null, link("name", profile.link, { dir: "auto", title: name }, name), unless("clan", clan(profile))),
        compact ? summary(data, all, words) : about(data),
        !compact && unless("badges", badges(profile)),
      ),
    ),
    !compact && words && h("p custom-status", { dir: "auto" }, words),
    compact ? all[0]?.end && bar(all[0]) : all.map(section),
    info.state === "stale" &&
      h("p note", { role: "status" }, "No news: this is how it was ", clock("ago", { start: info.since }), "."),
  );
}

function clan({ clan: shown }) {
  return shown && h("span clan", { title: `Server tag ${shown.tag}` }, picture("clan-image", shown.clan_image), shown.tag);
}

function about({ profile, status }) {
  return h("div about", null, h("bdi user", null, profile.username),
    h("span state", null, [statusOf({ status }), DEVICE[profile.device]].filter(Boolean).join(" ")));
}

function badges({ badges: all }) {
  const shown = all.map(({ badge_image: image, description }) => picture("badge", image, captioned(description)));
  return shown.some(Boolean) && h("div badges", null, shown);
}

function said({ text, emoji }) {
  if (!emoji) return [text];
  const { image, name } = emoji;
  return [picture("emoji", image, captioned(`:${name}:`), !image && name), " ", text];
}

/** One line: what is heard or done, else what was written, else the status. */
function summary(data, [row], words) {
  const doing = row && [h("b", null, row.title), row.lines[0] && ` · ${row.lines[0]}`];
  return h("div about line", { dir: "auto" }, doing || words || statusOf(data));
}

function section(row) {
  const both = row.start && row.end;
  return h(
    `section activity ${row.part}`,
    { "data-key": row.key },
    h("h3 kind", null, row.kind, !both && (row.start || row.end) && clock(row.start ? "elapsed" : "left", row)),
    h(
      "div body",
      null,
      h(
        "span art",
        null,
        picture("art-image", row.art, captioned(row.artText ?? ""), letter("art-image", row.title)),
        picture("small", row.small, captioned(row.smallText ?? "")),
      ),
      h(
        "div words",
        null,
        link("title", row.url, { dir: "auto", title: row.title }, row.title),
        row.lines.map((line) => h("div detail", { dir: "auto", title: line }, line)),
      ),
    ),
    both && h("div progress", null, clock("reached", row), bar(row), clock("total", row)),
  );
}

function bar({ start, end }) {
  return h("div bar", {
    role: "progressbar", "aria-label": "How far it is",
    "data-time": "bar", "data-start": start, "data-end": end, "data-key": start,
  }, h("i bar-fill"));
}

function skeleton({ state }, size) {
  const away = state === "stale";
  return h(
    `article card empty${size}`,
    { "aria-busy": !away, "aria-label": "Presence" },
    h("header header", null, h("span avatar", null, h("span avatar-image bone")),
      h("div who", null, h("div bone wide"), h("div bone"))),
    away && h("p note", { role: "status" }, "The server cannot be reached. Trying again…"),
  );
}

/** Plain words, and what to do. */
function refusal({ code, discord_invite: invite }) {
  const [title, ...text] = {
    invalid_user_id: ["Not a Discord id", "An id has 15 to 20 digits. Turn on Developer Mode in Discord, right-click the person and choose Copy User ID."],
    user_not_monitored: ["Not monitored", "This person is in no server that Grux watches here. ", link("join", invite, null, "Join one to be shown"), "."],
  }[code] ?? ["Not available", "The server did not take this request."];
  return h("article card refusal", null, h("p name", null, title), h("p note", null, text));
}
