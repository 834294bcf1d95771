// What one control of the form at /me changes, as PATCH /me takes it. The whole of its setting is sent:
// the server replaces a setting by what it gets.

const HOUR_MS = 3_600_000;

/** The values of the switches of this name that are on, or off. */
const switches = (form, name, on) =>
  [...form.querySelectorAll(`input[name="${name}"]`)]
    .filter(({ checked }) => checked === on)
    .map(({ value }) => value);

/** Rows without any text are left out. */
function links(form) {
  const rows = [...form.querySelectorAll(".link")].filter((row) => !isEmpty(row));
  return rows.map((row) => {
    const [label, url] = [...row.querySelectorAll("input")].map(({ value }) => value.trim());
    return { label, url };
  });
}

function hiddenApplications(form) {
  const typed = form.querySelector('input[name="more_applications"]').value;
  const ids = typed.split(/[,;\s]+/).filter(Boolean);
  return [...new Set([...switches(form, "hide_application", true), ...ids])];
}

const CHANGES = {
  visible: (_, { checked }) => ({ visible: checked }),
  pause: (_, { value }, now) =>
    value === "" ? null : { paused_until: value === "0" ? 0 : now + Number(value) * HOUR_MS },
  show: (form) => ({ hide: switches(form, "show", false) }),
  hide_application: (form) => ({ hide_applications: hiddenApplications(form) }),
  more_applications: (form) => ({ hide_applications: hiddenApplications(form) }),
  connected: (form) => ({ connected_accounts: switches(form, "connected", true) }),
  bio: (_, { value }) => ({ bio: value }),
  pronouns: (_, { value }) => ({ pronouns: value }),
  history: (_, { value }) => ({ history: value }),
  link_label: (form) => ({ links: links(form) }),
  link_url: (form) => ({ links: links(form) }),
};

/** The change; null if there is none. */
export function patchOf(form, control, now = Date.now()) {
  return CHANGES[control.name]?.(form, control, now) ?? null;
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
