// Activities as rows of one shape: Spotify first, then every other activity.

const ACTIVITY_KINDS = {
  Playing: () => "Playing",
  Streaming: ({ name }) => `Live on ${name ?? "air"}`,
  Listening: ({ name }) => `Listening to ${name ?? "something"}`,
  Watching: () => "Watching",
  Competing: () => "Competing in",
};

const present = (texts) => texts.filter(Boolean);

/** The rows, in display order. `start` and `end` are in ms since 1970, or undefined. */
export function rows({ spotify, activity }) {
  return [...(spotify ? [spotifyRow(spotify)] : []), ...activity.map(activityRow)];
}

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
