// Texts and bars that change every second. Their elements carry data-start and data-end, in ms.

const twoDigits = (number) => String(number).padStart(2, "0");

/** 4:05, 1:04:05, 3 d 4 h. */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  const rest = `${hours ? twoDigits(minutes) : minutes}:${twoDigits(seconds % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

/** Less than a minute, 5 min, 3 h, 4 days. */
export function inWords(ms) {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return "less than a minute";
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}

const TIME_TEXTS = {
  elapsed: ({ now, start }) => duration(now - start),
  left: ({ now, end }) => `${duration(end - now)} left`,
  reached: ({ now, start, end }) => duration(Math.min(now, end) - start),
  total: ({ start, end }) => duration(end - start),
  for: ({ now, start }) => inWords(now - start),
  ago: ({ now, start }) => `${inWords(now - start)} ago`,
};

/** Update every time and bar below `root`. */
export function tick(root, now = Date.now()) {
  for (const node of root.querySelectorAll("[data-time]")) {
    const start = Number(node.dataset.start);
    const end = Number(node.dataset.end);
    const text = TIME_TEXTS[node.dataset.time]?.({ now, start, end });
    if (text !== undefined) {
      if (node.textContent !== text) node.textContent = text;
      continue;
    }
    const share = Math.min(1, Math.max(0, (now - start) / (end - start)));
    node.firstChild.style.transform = `scaleX(${share.toFixed(4)})`;
    node.setAttribute("aria-valuenow", Math.round(100 * share));
  }
}
