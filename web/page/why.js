// Why a user is not shown, or only a little of them: what GET /check/:id says.

/** Whole sentences; "" where everything is shown, and where the server does not answer. */
export async function reasons(text) {
  try {
    const response = await fetch(`check/${encodeURIComponent(text)}`);
    const { data } = await response.json();
    return data.findings.map(({ message }) => message).join(" ");
  } catch {
    return "";
  }
}

export const NOT_SHOWN = "Why is this user not shown?";

/** What readers of a card may ask; "" if it shows what somebody does. */
export function questionAbout({ status, spotify, activity }) {
  if (status === "invisible") return "Why is this user shown as offline?";
  return spotify || activity.length ? "" : "Why is no activity shown?";
}
