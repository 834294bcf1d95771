// What the controls of the builder say, as the parameters of an address, and back.

const OFF = ["false", "0", "no"]; // as the server reads them: a typing error hides

const isWord = ({ type, value }) => type === "checkbox" && value !== "on";

/** The parameters that differ from their defaults, as `[name, value]` pairs. Invalid text is left out. */
export function readOptions(controls) {
  const found = new Map();
  for (const control of controls) {
    const { name, type, value, checked, defaultChecked, defaultValue } = control;
    if (isWord(control)) {
      if (checked) found.set(name, [...(found.get(name)?.split(",") ?? []), value].join(","));
    } else if (type === "checkbox") {
      if (checked !== defaultChecked) found.set(name, String(checked));
    } else if (type === "select-one") {
      if (control.selectedIndex > 0) found.set(name, value);
    } else if (value.trim() !== defaultValue && control.validity.valid) {
      found.set(name, value.trim());
    }
  }
  return [...found];
}

/** Makes the controls say what the parameters do: anything may be in them. */
export function writeOptions(controls, parameters) {
  for (const control of controls) {
    const value = parameters.get(control.name);
    if (isWord(control)) control.checked = (value ?? "").split(/[\s,]+/).includes(control.value);
    else if (control.type === "checkbox") {
      control.checked = value === null ? control.defaultChecked : !OFF.includes(value);
    } else if (control.type === "select-one") {
      control.value = value ?? control.options[0].value;
      if (control.selectedIndex < 0) control.selectedIndex = 0;
    } else control.value = value ?? control.defaultValue;
  }
}
