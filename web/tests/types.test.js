// widget.d.ts as TypeScript projects use it: with React, with Preact, and with neither.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { snippet } from "../page/snippets.js";

const WEB = fileURLToPath(new URL("..", import.meta.url));
const TSC = join(WEB, "node_modules", "typescript", "bin", "tsc");
const skip = !existsSync(TSC) && "web/npm.sh lint installs TypeScript";
const STRICT =
  "--noEmit --strict --module esnext --moduleResolution bundler --target es2022 --lib es2022,dom --typeRoots none";

/** The errors of tsc for these files, in a project that has only these packages. */
function errors(files, packages, ...options) {
  const project = mkdtempSync(join(tmpdir(), "grux-types-"));
  try {
    cpSync(join(WEB, "widget", "widget.d.ts"), join(project, "widget.d.ts"));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(project, name), text);
    for (const name of packages) {
      const link = join(project, "node_modules", name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(WEB, "node_modules", name), link);
    }
    const names = [...Object.keys(files), "widget.d.ts"];
    const { stdout } = spawnSync(
      process.execPath,
      [TSC, ...STRICT.split(" "), ...options, ...names],
      { cwd: project, encoding: "utf8" },
    );
    return stdout.split("\n").filter((line) => line.includes("error"));
  } finally {
    rmSync(project, { recursive: true });
  }
}

const good = (library) => `import { createRef } from "${library}";
import type { GruxPresence, User } from "./widget";
export const seen: User | null = null;
const element = createRef<GruxPresence>();
export const all = (
  <>
    <grux-presence user="1" />
    <grux-presence key="k" ref={element} user="1" theme="auto" size="compact" hide="badges" history
      server="https://grux.example.org" socket="wss://ws.example.org" id="x" style={{ color: "red" }} />
  </>
);
`;
const BAD = `export const all = [
  <grux-presence />,
  <grux-presence user={1} />,
  <grux-presence user="1" theme="Dark" />,
  <grux-presence user="1" nonsense="x" />,
  <grux-presence user="1" history="5" />,
];
`;

/** Every attribute is known, a wrong one is an error, and the page's code compiles. */
function checkTag(library, types) {
  const chosen = { kind: "widget", form: "React", options: [["hide", "badges,clan"]] };
  const code = snippet({ api: "https://grux.example.org", socket: "", id: "1", ...chosen });
  const files = { "good.tsx": good(library), "bad.tsx": BAD };
  if (library === "react") files["snippet.tsx"] = code;
  const found = errors(files, [types], "--jsx", "react-jsx", "--jsxImportSource", library);
  const lines = found.map((line) => line.split(",")[0]);
  assert.deepEqual(
    lines,
    ["bad.tsx(2", "bad.tsx(3", "bad.tsx(4", "bad.tsx(5", "bad.tsx(6"],
    found.join("\n"),
  );
}

test("the tag in React's JSX", { skip }, () => checkTag("react", "@types/react"));

test("the tag in Preact's JSX", { skip }, () => checkTag("preact", "preact"));

test("without JSX, none of its libraries is needed", { skip }, () => {
  const text = `import type { Status } from "./widget";
export const status: Status = "idle";
export const stop: () => void = window.Grux.subscribe("1", (data) => data?.profile.id);
export const wrong: Status = "away";
`;
  const found = errors({ "plain.ts": text }, []);
  assert.deepEqual(
    found.map((line) => line.split(",")[0]),
    ["plain.ts(4"],
  );
});
