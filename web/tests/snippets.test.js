import assert from "node:assert/strict";
import { test } from "node:test";
import { attributesOf, KINDS, pathOf, snippet } from "../page/snippets.js";

const ID = "1274150219482660897";
const SERVERS = { api: "https://api.example", socket: "wss://ws.example" };
const HOSTILE = `"><script>alert(1)</script> & ')](x`;

const code = (kind, form, options = []) => snippet({ ...SERVERS, id: ID, kind, form, options });

const ALL = Object.entries(KINDS).flatMap(([kind, { forms }]) => forms.map((form) => [kind, form]));

test("every snippet names the user and this server", () => {
  for (const [kind, form] of ALL) {
    const text = code(kind, form);
    assert.ok(text.includes(ID), `${kind} ${form}`);
    const other = {
      WebSocket: "wss://ws.example/?user_id=",
      EventSource: "https://ws.example/events?",
    };
    const address = other[form] ?? "https://api.example/";
    assert.ok(text.includes(address), `${kind} ${form}`);
  }
});

test("the code that reads a presence shows the song of any player", () => {
  for (const form of ["fetch", "WebSocket", "EventSource"]) {
    assert.match(code("data", form), /listening\?\.song/, form);
  }
});

test("options become attributes of the widget", () => {
  const options = [
    ["theme", "dark"],
    ["hide", "badges,clan"],
    ["history", "true"],
  ];
  const tag = `<grux-presence user="${ID}" theme="dark" hide="badges clan" history`;
  assert.ok(code("widget", "HTML", options).endsWith(`${tag}></grux-presence>`));
  assert.ok(code("widget", "React", options).includes(`return ${tag} />;`));
  assert.deepEqual(attributesOf(options)[1], ["hide", "badges clan"]);
});

test("options become parameters of an address", () => {
  assert.equal(pathOf("card", ID, []), `card/${ID}.svg`);
  const options = [
    ["file", "png"],
    ["theme", "light"],
    ["ignoreAppId", "1,2"],
  ];
  assert.equal(pathOf("card", ID, options), `card/${ID}.png?theme=light&ignoreAppId=1,2`);
  assert.equal(code("card", "URL", options), `https://api.example/${pathOf("card", ID, options)}`);
  assert.equal(pathOf("overlay", ID, [["size", "compact"]]), `overlay/${ID}?size=compact`);
});

test("pictures have a text and a link to the user at Discord", () => {
  const options = [
    ["theme", "light"],
    ["width", "600"],
  ];
  const link = `https://discord.com/users/${ID}`;
  assert.equal(
    code("card", "Markdown", options),
    `[![Discord presence](https://api.example/card/${ID}.svg?theme=light&width=600)](${link})`,
  );
  assert.equal(
    code("badge", "HTML", options),
    `<a href="${link}"><img src="https://api.example/badge/${ID}.svg?theme=light&amp;width=600" alt="Discord presence"></a>`,
  );
});

test("a compact embed is low", () => {
  assert.ok(code("embed", "HTML").includes('height="320"'));
  assert.ok(code("embed", "HTML", [["history", "true"]]).includes('height="610"'));
  assert.ok(code("embed", "HTML", [["size", "compact"]]).includes('height="72"'));
});

test("no option breaks out of the code", () => {
  for (const [kind, form] of ALL) {
    const text = code(kind, form, [["label", HOSTILE]]);
    assert.ok(!text.includes("<script>alert"), `${kind} ${form}`);
    assert.ok(!text.includes('"><script>'), `${kind} ${form}`);
  }
  const [, address] = code("badge", "Markdown", [["label", HOSTILE]]).match(/!\[.*?\]\((\S+?)\)/);
  assert.equal(new URL(address).searchParams.get("label"), HOSTILE);
});
