// Grux on one machine names its socket, and the pictures of a simulated Discord, by loopback addresses.
// For a page that was loaded from another machine they are where the server is, on the same port.

const LOOPBACK_URL = /^(https?|wss?):\/\/(localhost|127\.0\.0\.1|\[::1\])(?=[:/]|$)/;

export const isLoopback = (url) => LOOPBACK_URL.test(url);

/** `url` as a client reaches it that reaches the server as `server` (a URL). */
export function asReached(url, server) {
  if (!isLoopback(url) || !server || isLoopback(server)) return url;
  return url.replace(LOOPBACK_URL, `$1://${new URL(server).hostname}`);
}
