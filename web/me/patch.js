// What one control of the form at /me changes, as PATCH /me takes it. The whole of its setting is sent:
// the server replaces a setting by what it gets. So a list is made of the one that the server has: what
// was chosen elsewhere, or is not on the page, stays.

const HOUR_MS = 3_600_000;

const SETTINGS_OF = {
  show: "hide",
  hide_application: "hide_applications",
  more_applications: "hide_applications",
  connected: "connected_accounts",
};

/** Whether a control changes one entry of a list, so that `patchOf` needs the settings. */
export const isOfList = ({ name }) => name in SETTINGS_OF;

/** The list with what the control names, or without it. Ids that are typed may be several. */
function changedList(settings, { name, value }, isIn) {
  const isTyped = name === "more_applications";
  const values = isTyped ? value.split(/[,;\s]+/).filter(Boolean) : [value];
  const others = settings[SETTINGS_OF[name]].filter((one) => !values.includes(one));
  return { [SETTINGS_OF[name]]: isIn ? [...new Set([...others, ...values])] : others };
}

/** Rows without any text are left out. */
function links(form) {
  const rows = [...form.querySelectorAll(".link")].filter((row) => !isEmpty(row));
  return rows.map((row) => {
    const [label, url] = [...row.querySelectorAll("input")].map(({ value }) => value.trim());
    return { label, url };
  });
}

const CHANGES = {
  visible: (_, { checked }) => ({ visible: checked }),
  pause: (_, { value }, { now = Date.now() }) =>
    value === "" ? null : { paused_until: value === "0" ? 0 : now + Number(value) * HOUR_MS },
  show: (_, control, { settings }) => changedList(settings, control, !control.checked),
  hide_application: (_, control, { settings }) => changedList(settings, control, control.checked),
  more_applications: (_, control, { settings }) => changedList(settings, control, true),
  connected: (_, control, { settings }) => changedList(settings, control, control.checked),
  bio: (_, { value }) => ({ bio: value }),
  pronouns: (_, { value }) => ({ pronouns: value }),
  history: (_, { value }) => ({ history: value }),
  link_label: (form) => ({ links: links(form) }),
  link_url: (form) => ({ links: links(form) }),
};

/**
 * The change; null if there is none. `known`: `settings`, what the server has, for a control of a list;
 * `now`, the server's time in ms since 1970, for a pause.
 */
export function patchOf(form, control, known = {}) {
  return CHANGES[control.name]?.(form, control, known) ?? null;
}

/** Whether a control differs from what the server sent. */
export function isChanged({ type, checked, defaultChecked, value, defaultValue, options }) {
  if (type === "checkbox") return checked !== defaultChecked;
  if (type !== "select-one") return value !== defaultValue;
  const sent = [...options].find(({ defaultSelected }) => defaultSelected) ?? options[0];
  return value !== sent.value;
}

const NAMES = {
  hide_applications: "more_applications",
  history: "history-level",
  paused_until: "pause",
};

/** The control that an error of the API is about; null for one that has no control of its own. */
export function controlOf(form, field) {
  const link = /^links\[(\d+)\](?:\.(label|url))?$/.exec(field);
  if (link) {
    const rows = [...form.querySelectorAll(".link")].filter((row) => !isEmpty(row));
    return rows[link[1]]?.querySelector(`input[name="link_${link[2] ?? "url"}"]`) ?? null;
  }
  const name = NAMES[field] ?? field;
  return form.querySelector(`[id="${name}"]`);
}

/** Whether nothing is written in a row of links. */
export const isEmpty = (row) =>
  [...row.querySelectorAll("input")].every(({ value }) => !value.trim());

/** The API names a field as programs spell it, at the start of its sentence. */
export const asSentence = (message, field, label) =>
  message.startsWith(`${field} `) ? label + message.slice(field.length) : message;
