import assert from "node:assert/strict";
import { test } from "node:test";
import { asReached } from "../widget/loopback.js";

const SOCKET = "ws://127.0.0.1:8001";
const PICTURE = "http://[::1]:8100/cdn/avatars/1/ab.png?size=64";

test("a loopback address is replaced by the server's host, with the same port", () => {
  assert.equal(asReached(SOCKET, "http://192.0.2.7:8000"), "ws://192.0.2.7:8001");
  assert.equal(asReached(SOCKET, "http://[2001:db8::7]:8000/"), "ws://[2001:db8::7]:8001");
  assert.equal(
    asReached(PICTURE, "http://grux.lan:8000"),
    "http://grux.lan:8100/cdn/avatars/1/ab.png?size=64",
  );
});

test("every other address stays as it is", () => {
  assert.equal(asReached(SOCKET, "http://localhost:8000"), SOCKET);
  assert.equal(asReached(SOCKET, ""), SOCKET);
  for (const url of ["wss://ws.example.org", "https://localhost.example.org/x", "", null]) {
    assert.equal(asReached(url, "http://192.0.2.7:8000"), url);
  }
});
