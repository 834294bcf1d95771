// What somebody does, as rows of one shape: Spotify, then every activity.

const KIND = {
  Playing: () => "Playing",
  Streaming: ({ name }) => `Live on ${name ?? "air"}`,
  Listening: ({ name }) => `Listening to ${name ?? "something"}`,
  Watching: () => "Watching",
  Competing: () => "Competing in",
};

const present = (texts) => texts.filter(Boolean);

/** In the order in which they are shown. `start` and `end`: ms since 1970, or undefined. */
export function rows({ spotify, activity }) {
  return [...(spotify ? [song(spotify)] : []), ...activity.map(row)];
}

function song(spotify) {
  return {
    part: "spotify",
    key: "spotify",
    kind: "Listening to Spotify",
    title: spotify.song ?? "A file of their own",
    url: spotify.link,
    lines: present([spotify.artist, spotify.album === spotify.song ? null : spotify.album]),
    art: spotify.album_image,
    artText: spotify.album,
    ...spotify.timestamps,
  };
}

function row(activity) {
  const { name, details, state, party, type, timestamps } = activity;
  // Where a stream or a listener's application names itself, its details are the title.
  const named = (type === "Streaming" || type === "Listening") && details;
  const size = party?.size && `${party.size[0]} of ${party.size[1]}`;
  return {
    part: "activities",
    key: `${type} ${activity.application_id ?? name}`,
    kind: KIND[type]?.(activity) ?? "Doing",
    title: (named || name) ?? "Something",
    url: activity.url,
    lines: present([named ? null : details, [...present([state]), ...present([size && `(${size})`])].join(" ")]),
    art: activity.largeImage ?? activity.smallImage,
    artText: activity.largeText,
    small: activity.largeImage && activity.smallImage,
    smallText: activity.smallText,
    ...timestamps,
  };
}
