// How the card looks. Everything is measured in em, so that --grux-size scales it; every colour is a
// custom property, so that a page can have its own.

export const STYLE = `
:host {
  --paper: light-dark(#fffefb, #191a1d);
  --text: light-dark(#1c1b19, #f1efea);
  --quiet: light-dark(#66635c, #a5a29b);
  --edge: light-dark(#0000001a, #ffffff1c);
  --corner: 1.15em;
  display: block;
  width: var(--grux-width, 24em);
  max-width: 100%;
  font-size: var(--grux-size, 15px);
  font-family: var(--grux-font, inherit);
  line-height: 1.35;
}
:host([hidden]) { display: none; }
:host([theme=auto]) { color-scheme: light dark; }
:host([theme=light]) { color-scheme: light; }
:host([theme=dark]) { color-scheme: dark; }
:host([theme=paper]) { color-scheme: light; --paper: #f4ead7; --text: #3b2f20; --quiet: #735f43; --edge: #3b2f202e; }
:host([theme=midnight]) { color-scheme: dark; --paper: #000; --text: #fff; --quiet: #a0a0a8; }
:host([theme=glass]) { --paper: light-dark(#ffffffa6, #17181b99); --quiet: light-dark(#3f3d39, #d3d0c9); }
:host([theme=glass]) .card { backdrop-filter: blur(18px) saturate(1.5); }
:host([theme=plain]) { --paper: transparent; --edge: transparent; --corner: 0px; }
:host([theme=plain]) .card { padding: 0; overflow: visible; box-shadow: none; }
:host([theme=plain]) .card::before, :host([theme=plain]) .nameplate { display: none; }
:host([size=compact]) { width: var(--grux-width, 20em); }

* { box-sizing: border-box; margin: 0; min-width: 0; }
img, .bone { display: block; }
.card {
  --bg: var(--grux-background, var(--paper));
  --ink: var(--grux-text, var(--text));
  --soft: var(--grux-muted, var(--quiet));
  --line: var(--grux-border, var(--edge));
  --well: var(--grux-well, light-dark(#0000000d, #ffffff12));
  --tone: var(--grux-invisible, #8b8d93);
  position: relative;
  isolation: isolate;
  overflow: clip;
  padding: 1.15em;
  color: var(--ink);
  background: var(--bg);
  border: 1px solid var(--line);
  border-radius: var(--grux-radius, var(--corner));
  box-shadow: var(--grux-shadow, 0 1px 2px #0000000f, 0 .6em 1.8em -1em #00000040);
}
.card[data-status=online] { --tone: var(--grux-online, #27a567); }
.card[data-status=idle] { --tone: var(--grux-idle, #e2a011); }
.card[data-status=dnd] { --tone: var(--grux-dnd, #e0475b); }
.card::before {
  content: "";
  position: absolute;
  z-index: -2;
  inset: 0;
  background: var(--tone);
  opacity: .16;
  mask: radial-gradient(16em 11em at 3em 1em, #000, transparent);
}
.card[data-status=invisible]::before { opacity: .05; }
.card[data-state=stale] > :not(.note) { filter: saturate(.35); opacity: .75; }
.nameplate {
  position: absolute;
  z-index: -1;
  inset: 0 0 auto auto;
  width: 70%;
  height: 6.6em;
  object-fit: cover;
  object-position: right;
  opacity: .3;
  mask: linear-gradient(to left, #000, transparent), linear-gradient(#000 40%, transparent);
  mask-composite: intersect;
}

header { display: flex; align-items: center; gap: 1em; }
.avatar { position: relative; flex: none; width: 4.4em; height: 4.4em; }
.avatar-image {
  width: 100%;
  height: 100%;
  border-radius: 50%;
  object-fit: cover;
  background: var(--well);
  mask: radial-gradient(circle at 86% 86%, transparent 15.4%, #000 16%);
}
.letter { display: grid; place-items: center; color: var(--soft); font-weight: 600; }
.decoration { position: absolute; inset: -10%; width: 120%; height: 120%; pointer-events: none; }
.status {
  position: absolute;
  left: 86%;
  top: 86%;
  width: 26%;
  height: 26%;
  translate: -50% -50%;
  border-radius: 50%;
  background: var(--tone);
}
[data-status=idle] .status { background: linear-gradient(to right, var(--tone) 50%, color-mix(in srgb, var(--tone) 28%, transparent) 50%); }
[data-status=dnd] .status::after { content: ""; position: absolute; inset: 40% 22%; background: #fff; border-radius: 1em; }
[data-status=invisible] .status { background: none; border: .24em solid var(--tone); }

.who { flex: 1; }
.names { display: flex; align-items: center; gap: .5em; }
.name { font-size: 1.3em; font-weight: 650; letter-spacing: -.015em; line-height: 1.25; }
.name, .title, .detail, .line, .user { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
a { color: inherit; text-decoration: none; text-underline-offset: .16em; border-radius: .2em; }
a:hover, .refusal a { text-decoration: underline 1px; }
a:focus-visible { outline: 2px solid var(--ink); outline-offset: 2px; }
.clan {
  flex: none;
  display: inline-flex;
  align-items: center;
  gap: .3em;
  padding: .16em .5em;
  font-size: .76em;
  font-weight: 600;
  letter-spacing: .03em;
  border-radius: .5em;
  background: var(--well);
}
.clan img { width: 1.15em; height: 1.15em; }
.about { display: flex; color: var(--soft); font-size: .93em; }
.about.line { display: block; }
.about b { color: var(--ink); font-weight: 600; }
.state { flex: none; white-space: nowrap; }
.state::before { content: ""; display: inline-block; width: .22em; height: .22em; margin: 0 .5em; border-radius: 50%; background: currentColor; vertical-align: .2em; }
.badges { display: flex; flex-wrap: wrap; gap: .35em; margin-top: .4em; }
.badges img { width: 1.3em; height: 1.3em; }
.custom-status { margin-top: .95em; padding: .6em .85em; border-radius: .3em .9em .9em; background: var(--well); overflow-wrap: anywhere; width: fit-content; max-width: 100%; }
.emoji { display: inline; width: 1.35em; height: 1.35em; object-fit: contain; vertical-align: -.3em; }

.activity { margin-top: 1em; padding-top: .9em; border-top: 1px solid var(--line); }
.kind { display: flex; justify-content: space-between; gap: 1em; font-size: .8em; font-weight: 600; color: var(--soft); margin-bottom: .65em; }
time { font-variant-numeric: tabular-nums; font-weight: 400; white-space: nowrap; }
.body { display: flex; align-items: center; gap: .9em; }
.art { position: relative; flex: none; width: 3.9em; height: 3.9em; }
.art-image { width: 100%; height: 100%; border-radius: .7em; object-fit: cover; background: var(--well); }
.art .small { position: absolute; right: -.35em; bottom: -.35em; width: 1.55em; height: 1.55em; border-radius: 50%; object-fit: cover; background: var(--bg); outline: .16em solid var(--bg); }
.words { flex: 1; }
.title { display: block; font-weight: 600; }
.detail { color: var(--soft); font-size: .93em; }
.progress { display: flex; align-items: center; gap: .7em; margin-top: .85em; font-size: .8em; color: var(--soft); }
.bar { flex: 1; height: .36em; border-radius: 1em; overflow: hidden; background: var(--well); }
.bar-fill { display: block; height: 100%; background: var(--grux-accent, var(--ink)); border-radius: inherit; transform-origin: left; transform: scaleX(0); }
.note { margin-top: .9em; font-size: .86em; color: var(--soft); }

.compact { padding: .7em .9em .7em .7em; }
.compact header { gap: .75em; }
.compact .avatar { width: 2.9em; height: 2.9em; }
.compact .name { font-size: 1.05em; }
.compact .nameplate { height: 100%; }
.compact > .bar { position: absolute; inset: auto 0 0; height: .2em; border-radius: 0; }
.compact .note { margin-top: .4em; }

.refusal .note { margin-top: .3em; }
a.join { color: var(--ink); }
.bone { height: .9em; width: 45%; margin: .35em 0; border-radius: .45em; background: var(--well); }
.bone.wide { width: 70%; }
.avatar-image.bone { margin: 0; border-radius: 50%; width: 100%; height: 100%; }

@media not (prefers-reduced-motion) {
  .card::before, .status { transition: background-color .5s; }
  .bar-fill { transition: transform 1s linear; }
  .activity, .custom-status { animation: come .35s cubic-bezier(.2, .7, .2, 1); }
  .empty:not(:has(.note)) .bone { animation: wait 1.4s ease-in-out infinite alternate; }
}
@media (forced-colors: active) {
  .status, .bar-fill { forced-color-adjust: none; }
}
@keyframes come { from { opacity: 0; transform: translateY(.4em); } }
@keyframes wait { from { opacity: .5; } }
`;
