// The forms of /docs: each sends its request to this server, and shows the answer below.

const root = new URL(document.documentElement.dataset.root, location.href);

for (const form of document.querySelectorAll("form.try")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}

async function send(form) {
  const fields = new FormData(form);
  const query = fields.get("?")?.replace(/^\?/, "");
  const path = form.dataset.path
    .replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(fields.get(name).trim()))
    .replace(/^\//, "");
  const url = new URL(path + (query ? `?${query}` : ""), root);
  const answer = answerBelow(form);
  const line = document.createElement("p");
  const code = document.createElement("code");
  code.textContent = `GET ${url}`;
  line.append(code);
  if (form.dataset.picture !== undefined) {
    const image = new Image();
    image.alt = "The picture of the answer";
    image.addEventListener("error", () => image.replaceWith("No picture was sent."));
    image.src = url;
    answer.replaceChildren(line, image);
    return;
  }
  const text = document.createElement("pre");
  text.tabIndex = 0;
  try {
    const response = await fetch(url, { headers: { accept: "application/json" } });
    line.append(` ${response.status} ${response.statusText}`);
    text.textContent = pretty(await response.text());
  } catch {
    text.textContent = "No answer: the server cannot be reached.";
  }
  answer.replaceChildren(line, text);
}

function answerBelow(form) {
  if (form.nextElementSibling?.classList.contains("answer")) return form.nextElementSibling;
  const answer = document.createElement("div");
  answer.className = "answer";
  answer.setAttribute("role", "status");
  form.after(answer);
  return answer;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
