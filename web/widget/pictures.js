// Pictures that could not be had: something else stands in for them, and a while later they are tried
// again.

const AGAIN_AFTER = 60_000; // ms

const failures = new Map();

export const fail = (url) => failures.set(url, Date.now());

export const failed = (url) => Date.now() - (failures.get(url) ?? 0) < AGAIN_AFTER;
