// A view is a function of the data: it is made anew each time, and what is on the screen is changed
// where it differs. So pictures do not flicker, links keep the focus, and bars go on moving.

/**
 * An element. `spec`: its name, and the parts that it is: "a title". A part is a class as well.
 * Strings among the children become text, never markup. Attributes and children that are null or
 * false are left out.
 */
export function h(spec, attributes, ...children) {
  const [name, ...parts] = spec.trim().split(" ");
  const node = document.createElement(name);
  if (parts[0]) node.className = node.part = parts.join(" ");
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value != null && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.flat(9).filter((child) => child != null && child !== false));
  return node;
}

const kindOf = (node) => [node.nodeName, node.dataset?.key, node.className].join();

/** Make `from`, which is on the screen, like `to`. */
export function morph(from, to) {
  if (kindOf(from) !== kindOf(to)) return from.replaceWith(to);
  if (from.nodeType === Node.TEXT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  for (const name of from.getAttributeNames()) if (!to.hasAttribute(name)) from.removeAttribute(name);
  for (const name of to.getAttributeNames()) {
    const value = to.getAttribute(name);
    if (from.getAttribute(name) === value) continue;
    // A policy without unsafe-inline forbids the attribute, but not its object.
    if (name === "style") from.style.cssText = value;
    else from.setAttribute(name, value);
  }
  const old = [...from.childNodes];
  const now = [...to.childNodes];
  now.forEach((node, place) => (old[place] ? morph(old[place], node) : from.append(node)));
  for (const node of old.slice(now.length)) node.remove();
}
