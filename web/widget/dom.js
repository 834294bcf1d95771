// A view is a function of the data: it is built anew at each change, and the document is changed only
// where it differs. So pictures do not flicker, links keep the focus, and bars keep moving.

/**
 * An element. `spec`: its name and its parts, as in "a title". Each part is a class as well. Strings
 * among the children become text, never markup. Attributes and children that are null or false are
 * left out.
 */
export function h(spec, attributes, ...children) {
  const [name, ...parts] = spec.trim().split(" ");
  const node = document.createElement(name);
  if (parts[0]) {
    node.className = parts.join(" ");
    node.part = node.className;
  }
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value != null && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.flat(9).filter((child) => child != null && child !== false));
  return node;
}

const kindOf = (node) => [node.nodeName, node.dataset?.key, node.className].join();

/** Change `from`, which is in the document, to be like `to`. */
export function morph(from, to) {
  if (kindOf(from) !== kindOf(to)) return from.replaceWith(to);
  if (from.nodeType === Node.TEXT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  for (const name of from.getAttributeNames())
    if (!to.hasAttribute(name)) from.removeAttribute(name);
  for (const name of to.getAttributeNames()) {
    const value = to.getAttribute(name);
    if (from.getAttribute(name) === value) continue;
    // A content security policy without unsafe-inline forbids the attribute, but not this.
    if (name === "style") from.style.cssText = value;
    else from.setAttribute(name, value);
  }
  const old = [...from.childNodes]; // those that are still to be compared
  for (const node of [...to.childNodes]) {
    const same = old.findIndex((one) => kindOf(one) === kindOf(node));
    if (same < 0) from.insertBefore(node, old[0] ?? null);
    else {
      for (const gone of old.splice(0, same)) gone.remove();
      morph(old.shift(), node);
    }
  }
  for (const gone of old) gone.remove();
}
