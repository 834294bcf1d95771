import assert from "node:assert/strict";
import { test } from "node:test";
import { pastRows, rows } from "../widget/rows.js";

const SONG = {
  song: "Paper Lanterns",
  artist: "Juniper Vale",
  album: "Small Hours",
  album_image: "https://i.scdn.co/image/a",
  link: "https://open.spotify.com/track/1",
  timestamps: { start: 1000, end: 2000 },
};

const GAME = {
  type: "Playing",
  name: "Starfall Arena",
  state: "In a Match",
  details: "Ranked Duos: 2-1",
  largeText: "Crystal Caves",
  largeImage: "https://example.org/large.png",
  smallText: "Gold III",
  smallImage: "https://example.org/small.png",
  timestamps: { start: 5000 },
  application_id: "764429562019840003",
  url: null,
  party: { id: "p", size: [2, 4] },
};

test("Spotify comes first, then the activities in their order", () => {
  const all = rows({ spotify: SONG, activity: [GAME, { ...GAME, name: "Other" }] });
  assert.deepEqual(
    all.map(({ title }) => title),
    ["Paper Lanterns", "Starfall Arena", "Other"],
  );
  assert.deepEqual(rows({ spotify: null, activity: [] }), []);
});

test("a song has artist, album, cover, link and times", () => {
  const [row] = rows({ spotify: SONG, activity: [] });
  assert.deepEqual(row, {
    part: "spotify",
    key: "spotify",
    kind: "Listening to Spotify",
    title: "Paper Lanterns",
    url: SONG.link,
    lines: ["Juniper Vale", "Small Hours"],
    art: SONG.album_image,
    artText: "Small Hours",
    start: 1000,
    end: 2000,
  });
});

test("an album that is named like its song is not repeated, and a local file has no name", () => {
  const [single] = rows({ spotify: { ...SONG, album: SONG.song }, activity: [] });
  assert.deepEqual(single.lines, ["Juniper Vale"]);
  const [local] = rows({ spotify: { ...SONG, song: null, artist: null }, activity: [] });
  assert.equal(local.title, "Local file");
  assert.deepEqual(local.lines, ["Small Hours"]);
});

test("a game has details, state with the party's size, and both pictures", () => {
  const [row] = rows({ spotify: null, activity: [GAME] });
  assert.equal(row.kind, "Playing");
  assert.equal(row.title, "Starfall Arena");
  assert.deepEqual(row.lines, ["Ranked Duos: 2-1", "In a Match (2 of 4)"]);
  assert.deepEqual([row.art, row.small], [GAME.largeImage, GAME.smallImage]);
  assert.deepEqual([row.start, row.end], [5000, undefined]);
});

test("a small picture alone takes the place of the large one", () => {
  const [row] = rows({ spotify: null, activity: [{ ...GAME, largeImage: null }] });
  assert.equal(row.art, GAME.smallImage);
  assert.equal(row.small, null);
});

test("a party's size without a state stands alone", () => {
  const [row] = rows({ spotify: null, activity: [{ ...GAME, state: null, details: null }] });
  assert.deepEqual(row.lines, ["(2 of 4)"]);
});

test("the title of a stream is what is streamed", () => {
  const stream = { ...GAME, type: "Streaming", name: "Twitch", details: "Speedrun" };
  const [row] = rows({ spotify: null, activity: [stream] });
  assert.equal(row.kind, "Live on Twitch");
  assert.equal(row.title, "Speedrun");
  assert.deepEqual(row.lines, ["In a Match (2 of 4)"]);
});

test("an activity without a type and a name is still shown", () => {
  const unknown = { ...GAME, type: null, name: null, party: null, state: null, details: null };
  const [row] = rows({ spotify: null, activity: [unknown] });
  assert.deepEqual([row.kind, row.title, row.lines], ["Activity", "Unnamed", []]);
});

test("keys tell activities of one type apart", () => {
  const other = { ...GAME, application_id: null };
  const keys = rows({ spotify: null, activity: [GAME, other] }).map(({ key }) => key);
  assert.deepEqual(keys, ["Playing 764429562019840003", "Playing Starfall Arena"]);
});

const TUNE = {
  ...GAME,
  type: "Listening",
  name: "foobar2000",
  details: "Harvest Moon",
  state: "by Some Band",
  largeText: "on An Album",
  smallImage: null,
  timestamps: { start: 1000, end: 2000 },
  created_at: 900,
  party: null,
};
const HEARD = {
  app: "foobar2000",
  application_id: TUNE.application_id,
  song: "Harvest Moon",
  artist: "Some Band",
  album: "An Album",
  album_image: TUNE.largeImage,
  link: "https://example.org/song",
  timestamps: TUNE.timestamps,
  created_at: 900,
};

test("the song of any player comes first, once, with its progress", () => {
  const all = rows({ spotify: null, activity: [GAME, TUNE], listening: HEARD });
  assert.equal(all.length, 2);
  assert.equal(all[1].title, "Starfall Arena");
  const { kind, title, lines, url, art, artText, start, end, part } = all[0];
  assert.deepEqual(
    { kind, title, lines, url, art, artText, start, end, part },
    {
      kind: "Listening to foobar2000",
      title: "Harvest Moon",
      lines: ["Some Band", "An Album"],
      url: HEARD.link,
      art: TUNE.largeImage,
      artText: "An Album",
      start: 1000,
      end: 2000,
      part: "activities",
    },
  );
});

test("a player that reports no song is shown with what it reports", () => {
  const title = (changes) =>
    rows({ spotify: null, activity: [TUNE], listening: { ...HEARD, ...changes } })[0].title;
  assert.equal(title({ song: null }), "An Album");
  assert.equal(title({ song: null, album: null }), "foobar2000");
  assert.equal(title({ song: null, album: null, app: null }), "Harvest Moon");
});

test("with Spotify, or without listening, other players are activities", () => {
  const spotify = rows({
    spotify: SONG,
    activity: [TUNE],
    listening: { ...HEARD, app: "Spotify" },
  });
  assert.deepEqual(
    spotify.map(({ title }) => title),
    ["Paper Lanterns", "Harvest Moon"],
  );
  assert.deepEqual(spotify[1].lines, ["by Some Band"]);
  for (const listening of [null, undefined, { ...HEARD, created_at: 1 }]) {
    const all = rows({ spotify: null, activity: [GAME, TUNE], listening });
    assert.deepEqual(
      all.map(({ title }) => title),
      ["Starfall Arena", "Harvest Moon"],
    );
  }
});

const PLAYED = {
  kind: "playing",
  name: "Chess",
  details: "Round 3",
  state: "In a match",
  image: "https://example.org/chess.png",
  started_at: 1000,
  ended_at: 2000,
};

test("an entry of a history has a title, one line, a verb and what hides it", () => {
  const [row] = pastRows([PLAYED]);
  assert.deepEqual(row, {
    part: "activities",
    key: "1000 Chess",
    verb: "Played",
    title: "Chess",
    line: "Round 3",
    art: PLAYED.image,
    start: 1000,
    end: 2000,
  });
  const shown = (changes) => {
    const [{ part, verb, title, line }] = pastRows([{ ...PLAYED, ...changes }]);
    return [part, verb, title, line];
  };
  const song = { kind: "listening", details: "90mph", state: "JBEE" };
  assert.deepEqual(shown({ ...song, name: "Spotify" }), ["spotify", "Listened", "90mph", "JBEE"]);
  assert.deepEqual(shown({ ...song, name: "Tidal" }), ["activities", "Listened", "90mph", "JBEE"]);
  assert.deepEqual(shown({ ended_at: null }).slice(1, 3), ["Playing", "Chess"]);
  const unknown = { kind: "new", name: null, details: null, state: null };
  assert.deepEqual(shown(unknown), ["activities", "Active", "Unnamed", undefined]);
});
