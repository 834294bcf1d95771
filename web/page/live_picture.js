// A picture that the server draws of a user. It is loaded again when the user's presence has changed.

const RELOAD_INTERVAL_MS = 3000; // of one user, the server draws 40 new pictures a minute
const FIRST_DATA_MS = 1000; // to wait for the presence: when that comes, the picture is loaded again

export class LivePicture {
  #place;
  #wanted = null; // `{ path, id, alt }`
  #unsubscribe = null;
  #data; // as JSON; undefined until it is known
  #changedAt = 0; // in the address: no cache on the way has an older picture
  #timer = 0;
  #loadedAt = 0;
  #loading = null; // the newest picture
  #shown = null; // what was wanted when the visible picture was loaded
  #hasFailed = false;

  /** `place`: the element whose children it replaces. */
  constructor(place) {
    this.#place = place;
  }

  /** Show the picture at `path`, which is of the user `id`. */
  show(path, id, alt) {
    const before = this.#wanted;
    if (before?.path === path && before.id === id && !this.#hasFailed) return;
    this.#wanted = { path, id, alt };
    if (before?.id !== id) this.#follow(id);
    this.#schedule(this.#data === undefined ? FIRST_DATA_MS : 0);
  }

  /** Leave what is visible as it is, and load nothing more. */
  stop() {
    clearTimeout(this.#timer);
    this.#unsubscribe?.();
    this.#unsubscribe = this.#loading = this.#wanted = this.#shown = null;
  }

  #follow(id) {
    this.#unsubscribe?.();
    this.#data = undefined;
    this.#changedAt = Date.now();
    this.#loadedAt = 0;
    this.#unsubscribe = window.Grux.subscribe(id, (data, info) => this.#onPresence(data, info));
  }

  #onPresence(data, { state }) {
    const text = JSON.stringify(data); // null for a user whom the server does not show
    if (state === "loading" || text === this.#data) return;
    this.#data = text;
    this.#changedAt = Date.now();
    this.#schedule(this.#loadedAt + RELOAD_INTERVAL_MS - Date.now());
  }

  #schedule(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#load(), Math.max(0, wait));
  }

  /** The picture before it stays until the new one can be shown: nothing flickers. */
  async #load() {
    const wanted = this.#wanted;
    const picture = new Image();
    this.#loading = picture;
    this.#loadedAt = Date.now();
    picture.alt = wanted.alt;
    picture.src = `${wanted.path}${wanted.path.includes("?") ? "&" : "?"}at=${this.#changedAt}`;
    const isDecoded = await picture.decode().then(
      () => true,
      () => false,
    );
    if (this.#loading !== picture) return;
    this.#hasFailed = !isDecoded; // the next change tries again
    if (isDecoded) {
      this.#shown = wanted;
      this.#place.replaceChildren(picture);
    } else if (this.#shown !== wanted) {
      this.#place.textContent = "The picture cannot be loaded. Try again later.";
    }
  }
}
