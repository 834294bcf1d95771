// Types of /widget.js, and of the tag in JSX: copy this file into your project, next to the code that
// uses it. `import type { User } from "./widget"`. The fields are those of GET /user/:userid:
// docs/api.md.

export type Status = "online" | "idle" | "dnd" | "invisible";

export interface Badge {
  id: string;
  description: string;
  asset: string;
  badge_image: string;
}

export interface Clan {
  tag: string;
  identity_guild_id: string;
  asset: string | null;
  clan_image: string | null;
}

export interface ConnectedAccount {
  type: string;
  name: string | null;
  link: string | null;
}

export interface Link {
  label: string;
  url: string;
}

export interface DisplayNameStyles {
  font_id: number | null;
  effect_id: number | null;
  colors: number[];
}

export interface Profile {
  bot: boolean;
  device: string | null;
  id: string;
  creation_date: string;
  username: string;
  display_name: string;
  link: string;
  avatar: string | null;
  avatar_image: string;
  avatar_decoration_image: string | null;
  nameplate_image: string | null;
  badges: Badge[];
  clan: Clan | null;
  connected_accounts: ConnectedAccount[];
  devices: Record<string, string>;
  public_flags: number;
  bio: string | null;
  banner_image: string | null;
  accent_color: number | null;
  kv: Record<string, string>;
  pronouns: string | null;
  links: Link[];
  display_name_styles: DisplayNameStyles | null;
}

/** Milliseconds since 1970; an unknown start or end is left out. */
export interface Timestamps {
  start?: number;
  end?: number;
}

export interface Spotify {
  type: string;
  name: string;
  song: string | null;
  artist: string | null;
  album: string | null;
  album_image: string | null;
  link: string | null;
  timestamps: Timestamps;
  created_at: number | null;
  track_id: string | null;
}

export interface Party {
  id: string | null;
  size: [number, number] | null;
}

export interface Activity {
  type: "Playing" | "Streaming" | "Listening" | "Watching" | "Competing" | null;
  name: string | null;
  state: string | null;
  details: string | null;
  largeText: string | null;
  largeImage: string | null;
  smallText: string | null;
  smallImage: string | null;
  timestamps: Timestamps;
  created_at: number | null;
  application_id: string | null;
  url: string | null;
  buttons: string[];
  party: Party | null;
}

export interface Emoji {
  name: string | null;
  id: string | null;
  animated: boolean;
  image: string | null;
}

export interface CustomStatus {
  text: string | null;
  emoji: Emoji | null;
}

/** The music of any player, Spotify included. */
export interface Listening {
  app: string | null;
  application_id: string | null;
  song: string | null;
  artist: string | null;
  album: string | null;
  album_image: string | null;
  link: string | null;
  timestamps: Timestamps;
  created_at: number | null;
}

export interface Presence {
  status: Status;
  spotify: Spotify | null;
  activity: Activity[];
  custom_status: CustomStatus | null;
  listening: Listening | null;
  last_seen?: number | null;
}

export interface User extends Presence {
  profile: Profile;
}

/** How the data are received, and whether they are current. */
export interface Info {
  /**
   * - `loading`: nothing is known yet
   * - `live`: changes arrive over a WebSocket
   * - `polling`: without a WebSocket, the data are requested every ten seconds or so
   * - `stale`: the connection is lost; the data, if any, are those of `since`
   * - `error`: see `error`
   */
  state: "loading" | "live" | "polling" | "stale" | "error";
  /** Milliseconds since 1970: when the data were last known to be current. */
  since: number;
  error: Problem | null;
}

export interface Problem {
  /** `refused`: the server gave no reason. `no_user`: the attribute `user` is missing. */
  code: "no_user" | "invalid_user_id" | "user_not_monitored" | "refused" | (string & {});
  message?: string;
  /** The Discord server to join to be monitored. */
  discord_invite?: string | null;
}

export interface Options {
  /** The REST API of another Grux instance than the one that serves the script. */
  server?: string | null;
  /** The WebSocket of that instance, if it has another address than the REST API. */
  socket?: string | null;
}

/**
 * Call `callback` soon, and at each change of the user. All widgets and subscribers of a page share
 * its WebSockets. Returns a function that ends the subscription.
 *
 * @param callback `data` is null while nothing is known, and after an error.
 */
export function subscribe(
  user: string,
  callback: (data: User | null, info: Info) => void,
  options?: Options,
): () => void;

/** `<grux-presence user="…" theme="auto" size="compact" hide="badges clan">` */
export class GruxPresence extends HTMLElement {
  /** The attribute `user`. */
  user: string;
  readonly data: User | null;
  readonly info: Info;
}

declare global {
  interface Window {
    readonly Grux: { readonly subscribe: typeof subscribe };
  }
  interface HTMLElementTagNameMap {
    "grux-presence": GruxPresence;
  }
  interface HTMLElementEventMap {
    "grux:update": CustomEvent<User>;
    "grux:state": CustomEvent<Info>;
  }
  interface DocumentEventMap {
    "grux:update": CustomEvent<User>;
    "grux:state": CustomEvent<Info>;
  }
}

/** The attributes of the tag: see docs/widget.md. */
export interface GruxPresenceAttributes {
  /** The Discord id. Not a number: ids are larger than those that JavaScript holds exactly. */
  user: string;
  theme?: "light" | "dark" | "auto" | "paper" | "midnight" | "glass" | "plain";
  size?: "compact";
  /** Names of parts, separated by spaces. */
  hide?: string;
  /** When an invisible user was seen last, and what they did before, if they keep a history. */
  history?: boolean | "" | "true" | "false";
  server?: string;
  socket?: string;
}

// The tag in JSX. A project has only one of these libraries: hence the ts-ignore.

// @ts-ignore
declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "grux-presence": GruxPresenceAttributes &
        // @ts-ignore
        DetailedHTMLProps<HTMLAttributes<GruxPresence>, GruxPresence>;
    }
  }
}

// @ts-ignore
declare module "preact" {
  namespace JSX {
    interface IntrinsicElements {
      // @ts-ignore
      "grux-presence": GruxPresenceAttributes & HTMLAttributes<GruxPresence>;
    }
  }
}
