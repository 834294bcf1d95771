// "Put it on your site": chooses a kind of thing and its options, shows it, and writes the code for it.

import { LivePicture } from "./live_picture.js";
import { readOptions, writeOptions } from "./options.js";
import { attributesOf, KINDS, pathOf, snippet } from "./snippets.js";

const PREVIEW_DELAY_MS = 400; // after the last key: each new picture is drawn by the server
const COPIED_MS = 2000;

const $ = (id) => document.getElementById(id);
const fieldsets = [...$("options").querySelectorAll("fieldset")];

/**
 * `api`, `socket`: URLs without a slash at the end. `announce` tells screen readers a text. `onChange` is
 * called when the visitor has chosen something.
 */
export class Builder {
  #servers;
  #announce;
  #onChange;
  #id = "";
  #kind = "widget";
  #form = "HTML";
  #timer = 0;
  #picture = new LivePicture($("preview"));
  #shownWidget = ""; // the path of what the preview shows; empty while that is a picture

  constructor({ api, socket, announce, onChange }) {
    this.#servers = { api, socket };
    this.#announce = announce;
    this.#onChange = onChange;
    $("tabs").replaceChildren(...Object.entries(KINDS).map(tabButton));
    $("tabs").addEventListener("click", ({ target }) => {
      if (target.role === "tab") this.#choose(target.dataset.kind);
    });
    $("tabs").addEventListener("keydown", (event) => this.#onTabKey(event));
    $("forms").addEventListener("change", ({ target }) => {
      this.#form = target.value;
      this.#showCode();
      this.#onChange();
    });
    $("options").addEventListener("input", (event) => this.#onInput(event));
    $("options").addEventListener("change", () => this.#onChange());
    $("options").addEventListener("submit", (event) => event.preventDefault());
    $("reset").addEventListener("click", () => {
      writeOptions(this.#controls(), new URLSearchParams());
      this.#showOptions();
      this.#onChange();
    });
    $("build").addEventListener("toggle", () => this.#showPreview());
    $("copy").addEventListener("click", () => this.#copy());
  }

  /** Shows the code and the preview for this user. */
  show(id) {
    this.#id = id;
    this.#showOptions();
  }

  /** What is chosen, for the address of the page: `[name, value]` pairs, none for the defaults. */
  parameters() {
    const { forms } = KINDS[this.#kind];
    const form = this.#form === forms[0] ? [] : [["as", this.#form.toLowerCase()]];
    const options = readOptions(this.#controls());
    const isDefault = this.#kind === "widget" && !form.length && !options.length;
    return isDefault ? [] : [["make", this.#kind], ...form, ...options];
  }

  /** Chooses what an address says, which may be anything. `show` has to follow. */
  restore(parameters) {
    const made = parameters.get("make");
    this.#kind = Object.hasOwn(KINDS, made) ? made : "widget";
    const { forms } = KINDS[this.#kind];
    const form = parameters.get("as");
    this.#form = forms.find((name) => name.toLowerCase() === form) ?? forms[0];
    writeOptions(this.#controls(), parameters);
    if (readOptions(this.#controls()).length) $("build").open = true;
    this.#showKind();
  }

  #controls() {
    return fieldsets
      .filter(({ dataset }) => dataset.kinds.split(" ").includes(this.#kind))
      .flatMap((fieldset) => [...fieldset.querySelectorAll("[name]")]);
  }

  #choose(kind) {
    this.#kind = kind;
    this.#form = KINDS[kind].forms[0];
    this.#showKind();
    this.#showOptions();
    this.#onChange();
  }

  // WAI-ARIA Authoring Practices: Tabs.
  #onTabKey(event) {
    const kinds = Object.keys(KINDS);
    const last = kinds.length - 1;
    const now = kinds.indexOf(this.#kind);
    const next = {
      ArrowRight: now === last ? 0 : now + 1,
      ArrowLeft: now ? now - 1 : last,
      Home: 0,
      End: last,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.#choose(kinds[next]);
    $(`tab-${kinds[next]}`).focus();
  }

  #onInput({ target }) {
    if (target.type === "color") {
      target.previousElementSibling.value = target.value.slice(1);
    }
    this.#showCode();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#showPreview(), PREVIEW_DELAY_MS);
  }

  #showKind() {
    for (const button of $("tabs").children) {
      const isChosen = button.dataset.kind === this.#kind;
      button.setAttribute("aria-selected", isChosen);
      button.tabIndex = isChosen ? 0 : -1;
    }
    $("panel").setAttribute("aria-labelledby", `tab-${this.#kind}`);
    const { forms } = KINDS[this.#kind];
    $("forms").hidden = forms.length < 2;
    $("forms").replaceChildren(
      $("forms").firstElementChild,
      ...forms.map((name) => this.#radio(name)),
    );
    for (const fieldset of fieldsets) {
      fieldset.hidden = !fieldset.dataset.kinds.split(" ").includes(this.#kind);
    }
    $("build").hidden = this.#controls().length === 0;
  }

  #radio(name) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, {
      type: "radio",
      name: "form",
      value: name,
      checked: name === this.#form,
    });
    label.append(input, name);
    return label;
  }

  #showOptions() {
    for (const color of $("options").querySelectorAll("[type=color]")) {
      const text = color.previousElementSibling.value.replace("#", "");
      if (/^[0-9a-f]{6}$/i.test(text)) color.value = `#${text}`;
    }
    this.#showCode();
    this.#showPreview();
  }

  #showCode() {
    const kind = this.#kind;
    const options = readOptions(this.#controls());
    const code = snippet({ ...this.#servers, id: this.#id, kind, form: this.#form, options });
    const parts = code.split(this.#id).flatMap((text) => [highlighted(this.#id), text]);
    $("code").replaceChildren(...parts.slice(1));
    $("copy").textContent = "Copy";
  }

  #showPreview() {
    clearTimeout(this.#timer);
    if (!$("build").open || $("build").hidden) return this.#picture.stop();
    const options = readOptions(this.#controls());
    const path = pathOf(this.#kind, this.#id, options);
    if (KINDS[this.#kind].picture) {
      this.#shownWidget = "";
      return this.#picture.show(path, this.#id, `Preview of the ${this.#kind}`);
    }
    this.#picture.stop();
    if (path === this.#shownWidget) return;
    this.#shownWidget = path;
    $("preview").replaceChildren(this.#widget(options));
  }

  #widget(options) {
    const widget = document.createElement("grux-presence");
    const theme = { embed: "auto", overlay: "dark" }[this.#kind];
    if (theme) widget.setAttribute("theme", theme);
    for (const [name, value] of [["user", this.#id], ...attributesOf(options)]) {
      widget.setAttribute(name, value);
    }
    return widget;
  }

  async #copy() {
    let result = "Copied";
    try {
      await navigator.clipboard.writeText($("code").textContent);
    } catch {
      getSelection().selectAllChildren($("code"));
      result = "Press Ctrl+C";
    }
    $("copy").textContent = result;
    this.#announce(result);
    setTimeout(() => ($("copy").textContent = "Copy"), COPIED_MS);
  }
}

function highlighted(id) {
  const mark = document.createElement("mark");
  mark.textContent = id;
  return mark;
}

function tabButton([kind, { label }]) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", id: `tab-${kind}`, textContent: label, role: "tab" });
  button.dataset.kind = kind;
  button.setAttribute("aria-controls", "panel");
  return button;
}
