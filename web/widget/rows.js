// Activities as rows of one shape: the music first, then every other activity.

const ACTIVITY_KINDS = {
  Playing: () => "Playing",
  Streaming: ({ name }) => `Live on ${name ?? "air"}`,
  Listening: ({ name }) => `Listening to ${name ?? "something"}`,
  Watching: () => "Watching",
  Competing: () => "Competing in",
};

const VERBS = {
  playing: ["Playing", "Played"],
  streaming: ["Streaming", "Streamed"],
  listening: ["Listening", "Listened"],
  watching: ["Watching", "Watched"],
  competing: ["Competing", "Competed"],
};

const present = (texts) => texts.filter(Boolean);

/** The rows, in display order. `start` and `end` are in ms since 1970, or undefined. */
export function rows({ spotify, activity, listening }) {
  if (spotify) return [spotifyRow(spotify), ...activity.map(activityRow)];
  const player = listening && activity.find((one) => isOf(listening, one));
  if (!player) return activity.map(activityRow);
  const others = activity.filter((one) => one !== player);
  return [musicRow(listening, player), ...others.map(activityRow)];
}

/** Whether this activity is the one that `listening` is made of. */
const isOf = (listening, { type, application_id: id, created_at: since }) =>
  type === "Listening" && id === listening.application_id && since === listening.created_at;

function spotifyRow(spotify) {
  return {
    part: "spotify",
    key: "spotify",
    kind: "Listening to Spotify",
    title: spotify.song ?? "Local file",
    url: spotify.link,
    lines: present([spotify.artist, spotify.album === spotify.song ? null : spotify.album]),
    art: spotify.album_image,
    artText: spotify.album,
    ...spotify.timestamps,
  };
}

/** The song of another player: with its words from `listening`, in which nothing is added to them. */
function musicRow(listening, activity) {
  const { app, song, artist, album } = listening;
  const row = activityRow(activity);
  const title = song ?? album ?? app ?? row.title;
  return {
    ...row,
    kind: ACTIVITY_KINDS.Listening({ name: app }),
    title,
    url: listening.link,
    lines: present([artist, album === title ? null : album]),
    artText: album,
  };
}

function activityRow(activity) {
  const { name, details, state, party, type, timestamps } = activity;
  // The name of a stream or a listening activity is that of the app; its details are the title.
  const detailed = (type === "Streaming" || type === "Listening") && details;
  const size = party?.size && `(${party.size[0]} of ${party.size[1]})`;
  return {
    part: "activities",
    key: `${type} ${activity.application_id ?? name}`,
    streams: type === "Streaming",
    kind: ACTIVITY_KINDS[type]?.(activity) ?? "Activity",
    title: (detailed || name) ?? "Unnamed",
    url: activity.url,
    lines: present([detailed ? null : details, present([state, size]).join(" ")]),
    art: activity.largeImage ?? activity.smallImage,
    artText: activity.largeText,
    small: activity.largeImage && activity.smallImage,
    smallText: activity.smallText,
    ...timestamps,
  };
}

/** The entries of a history as rows. `part` is what would hide the activity while it is shown. */
export const pastRows = (entries) =>
  entries.map(({ kind, name, details, state, image, started_at: start, ended_at: end }) => {
    const detailed = (kind === "streaming" || kind === "listening") && details;
    const title = (detailed || name) ?? "Unnamed";
    return {
      part: kind === "listening" && name === "Spotify" ? "spotify" : "activities",
      key: `${start} ${name}`,
      verb: (VERBS[kind] ?? ["Active", "Active"])[end ? 1 : 0],
      title,
      line: present([detailed ? null : details, state])[0],
      art: image,
      start,
      end,
    };
  });
