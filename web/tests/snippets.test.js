import assert from "node:assert/strict";
import { test } from "node:test";
import { snippets } from "../page/snippets.js";

const ID = "1274150219482660897";
const ALL = snippets({ api: "https://api.example", socket: "wss://ws.example", id: ID });

test("there is code for every way to read a presence", () => {
  assert.deepEqual(Object.keys(ALL), ["Widget", "fetch", "WebSocket", "React", "Markdown"]);
});

test("every snippet names the user and this server", () => {
  for (const [name, code] of Object.entries(ALL)) {
    assert.ok(code.includes(ID), name);
    const address = name === "WebSocket" ? "wss://ws.example/?user_id=" : "https://api.example/";
    assert.ok(code.includes(address), name);
  }
});
