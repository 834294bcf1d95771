// A presence as elements. Every text and address in it is untrusted: users have typed it.

import { inWords } from "./clock.js";
import { h } from "./dom.js";
import { asReached, isLoopback } from "./loopback.js";
import { styleName } from "./name_style.js";
import { pastRows, rows } from "./rows.js";

const STATUS_TEXTS = {
  online: "Online",
  idle: "Idle",
  dnd: "Do not disturb",
  streaming: "Streaming",
  invisible: "Offline",
};
const DEVICE_TEXTS = {
  mobile: "on a phone",
  web: "in a browser",
  embedded: "on a console",
  vr: "in VR",
};
const PICTURE_RETRY_MS = 60_000;
const PAST_ROWS = 5; // more would be a page, not a card

const failedPictures = new Map(); // when each URL failed to load
let drawnServer; // the URL of the server whose data are drawn

/** Show something else instead of this picture, and try to load it again after a minute. */
export const markPictureFailed = (url) => failedPictures.set(url, Date.now());

const pictureFailed = (url) => Date.now() - (failedPictures.get(url) ?? 0) < PICTURE_RETRY_MS;

/** A picture, or `fallback` if its URL is missing, unsafe or cannot be loaded. */
function picture(spec, url, attributes, fallback) {
  const safe = url?.startsWith("https://") || isLoopback(url); // of a simulated Discord
  const src = asReached(url, drawnServer);
  if (!safe || pictureFailed(src)) return fallback;
  return h(`img ${spec}`, { alt: "", ...attributes, src });
}

/** A link if `url` is safe, else the same element without a link. */
function link(spec, url, attributes, ...children) {
  if (!/^https?:\/\//.test(url ?? "")) return h(`span ${spec}`, attributes, ...children);
  const safe = { href: url, target: "_blank", rel: "noopener nofollow" };
  return h(`a ${spec}`, { ...attributes, ...safe }, ...children);
}

const letter = (spec, text) =>
  h(`span ${spec} letter`, { "aria-hidden": "true" }, [...text.trim()][0]?.toUpperCase());
const timeElement = (kind, { start, end }) =>
  h("time", { "data-time": kind, "data-start": start, "data-end": end });
const captioned = (text) => ({ alt: text, title: text });

/**
 * `hidden`: a Set of part names. `compact`: one line. `server`: where the data are from, a URL.
 * `seen`: when an invisible user was seen last, if it is shown. `recent`: entries of their history.
 */
export function card({ data, info, hidden, compact, server, seen, recent = [] }) {
  drawnServer = server;
  const size = compact ? " compact" : "";
  if (!data) return info.error ? refusal(info.error) : skeleton(info, size);
  const { profile, custom_status: custom } = data;
  const unlessHidden = (part, element) => !hidden.has(part) && element;
  const name = profile.display_name || profile.username;
  const shownName = link("name", profile.link, { dir: "auto", title: name }, name);
  const styles = unlessHidden("name-style", profile.display_name_styles);
  if (styles) styleName(shownName, styles, server);
  const all = rows(data).filter(({ part }) => !hidden.has(part));
  const status = all.some(({ streams }) => streams) ? "streaming" : data.status;
  const statusText = STATUS_TEXTS[status] ?? STATUS_TEXTS.invisible;
  const lastSeen = seen && [", last seen ", timeElement("ago", { start: seen })];
  const past = pastRows(recent)
    .filter(({ part }) => !hidden.has(part))
    .slice(0, PAST_ROWS);
  const customStatus = unlessHidden("custom-status", custom) && customStatusContent(custom);
  return h(
    `article card${size}`,
    { "data-status": status, "data-state": info.state, "aria-label": `Presence of ${name}` },
    unlessHidden("nameplate", picture("nameplate", profile.nameplate_image)),
    h(
      "header header",
      { "data-key": "header" },
      h(
        "span avatar",
        null,
        picture("avatar-image", profile.avatar_image, null, letter("avatar-image", name)),
        unlessHidden("decoration", picture("decoration", profile.avatar_decoration_image)),
        h("span status", { role: "img", "aria-label": statusText, title: statusText }),
      ),
      h(
        "div who",
        null,
        h("div names", null, shownName, unlessHidden("clan", clan(profile))),
        compact
          ? summary(all[0], customStatus, [statusText, lastSeen])
          : about(profile, statusText, lastSeen, unlessHidden("pronouns", profile.pronouns)),
        !compact && unlessHidden("badges", badges(profile)),
      ),
    ),
    !compact && customStatus && h("p custom-status", { dir: "auto" }, customStatus),
    !compact && unlessHidden("links", links(profile)),
    compact ? hasBar(all[0]) && bar(all[0]) : all.map(section),
    past.length > 0 && history(past),
    info.state === "stale" &&
      h(
        "p note",
        null,
        h("span", { role: "status" }, "Not live"), // without the time, which goes on
        ": last updated ",
        timeElement("ago", { start: info.since }),
        ".",
      ),
  );
}

function clan({ clan: shown }) {
  return (
    shown &&
    h(
      "span clan",
      { title: `Server tag ${shown.tag}` },
      picture("clan-image", shown.clan_image),
      shown.tag,
    )
  );
}

function about(profile, statusText, lastSeen, pronouns) {
  return h(
    "div about",
    null,
    h("bdi user", null, profile.username),
    pronouns && h("bdi pronouns", null, pronouns),
    h(
      "span state",
      null,
      [statusText, DEVICE_TEXTS[profile.device]].filter(Boolean).join(" "),
      lastSeen,
    ),
  );
}

function badges({ badges: all }) {
  const shown = all.map(({ badge_image: image, description }) =>
    picture("badge", image, captioned(description)),
  );
  return shown.some(Boolean) && h("div badges", null, shown);
}

/** What the user has put on the profile; an api of an earlier version knows none. */
function links({ links: all = [] }) {
  const shown = all.map(({ label, url }) => link("link", url, { dir: "auto", title: url }, label));
  return shown.length > 0 && h("div links", null, shown);
}

function customStatusContent({ text, emoji }) {
  if (!emoji) return [text];
  const { image, name } = emoji;
  return [picture("emoji", image, captioned(`:${name}:`), !image && name), " ", text];
}

/** One line: the first activity, else the custom status, else the status. */
function summary(row, customStatus, statusText) {
  const activity = row && [h("b", null, row.title), row.lines[0] && ` · ${row.lines[0]}`];
  return h("div about line", { dir: "auto" }, activity || customStatus || statusText);
}

const hasBar = (row) => Boolean(row?.start && row.end);

function section(row) {
  return h(
    `section activity ${row.part}`,
    { "data-key": row.key },
    h(
      "h3 kind",
      null,
      row.kind,
      !hasBar(row) &&
        Boolean(row.start || row.end) &&
        timeElement(row.start ? "elapsed" : "left", row),
    ),
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
    hasBar(row) &&
      h("div progress", null, timeElement("reached", row), bar(row), timeElement("total", row)),
  );
}

/** What they did before, and what they are doing: each on two lines. */
function history(past) {
  const label = { role: "list", "aria-label": "Recent activities" }; // Safari: no list without bullets
  return h(
    "section history",
    null,
    h("h3 kind", null, "Recently"),
    h("ul entries", label, past.map(entry)),
  );
}

function entry(row) {
  const { title, line, art, start, end } = row;
  const text = [title, line].filter(Boolean).join(" · ");
  return h(
    "li entry",
    { "data-key": row.key },
    h("span art", null, picture("art-image", art, null, letter("art-image", title))),
    h(
      "div words",
      null,
      h("div detail", { dir: "auto", title: text }, h("b", null, title), line && ` · ${line}`),
      h(
        "div when",
        { title: new Date(end ?? start).toLocaleString() },
        `${row.verb} for `,
        end
          ? [`${inWords(end - start)}, `, timeElement("ago", { start: end })]
          : timeElement("for", { start }),
      ),
    ),
  );
}

function bar({ start, end }) {
  return h(
    "div bar",
    {
      role: "progressbar",
      "aria-label": "Progress",
      "data-time": "bar",
      "data-start": start,
      "data-end": end,
      "data-key": start,
    },
    h("i bar-fill"),
  );
}

function skeleton({ state }, size) {
  const unreachable = state === "stale";
  return h(
    `article card empty${size}`,
    { "aria-busy": !unreachable, "aria-label": "Presence" },
    h(
      "header header",
      null,
      h("span avatar", null, h("span avatar-image bone")),
      h("div who", null, h("div bone wide"), h("div bone")),
    ),
    unreachable && h("p note", { role: "status" }, "The server cannot be reached. Retrying…"),
  );
}

/** Why there is no presence, and what to do. */
function refusal({ code, discord_invite: invite }) {
  const [title, ...text] = {
    no_user: ["No user", "Set the attribute user to a Discord id."],
    invalid_user_id: [
      "Not a Discord id",
      "An id has 15 to 19 digits. Turn on Developer Mode in Discord, right-click the user and choose Copy User ID.",
    ],
    user_not_monitored: [
      "Not monitored",
      "This user is not in any server that Grux monitors. ",
      link("join", invite, null, "Join one to appear here"),
      ".",
    ],
  }[code] ?? ["Not available", "The server rejected this request."];
  return h("article card refusal", null, h("p name", null, title), h("p note", null, text));
}
