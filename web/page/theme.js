// Dark or light: the visitor's choice, else that of the system. The pages at /docs load it too.

const THEME_KEY = "grux-theme"; // in localStorage

const root = document.documentElement;
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
let chosen = storedTheme();

// Browsers that block storage throw as soon as `localStorage` is read.
function storedTheme() {
  try {
    return localStorage.getItem(THEME_KEY);
  } catch {
    return null;
  }
}

function chooseTheme(theme) {
  chosen = theme;
  try {
    localStorage.setItem(THEME_KEY, theme);
  } catch {
    // The choice lasts as long as the page.
  }
  showTheme();
}

function showTheme() {
  if (chosen) root.dataset.theme = chosen;
  const dark = chosen ? chosen === "dark" : systemIsDark.matches;
  document.getElementById("theme")?.setAttribute("aria-pressed", dark);
  return dark;
}

showTheme(); // before the first paint
systemIsDark.addEventListener("change", showTheme);
document
  .getElementById("theme")
  .addEventListener("click", () => chooseTheme(showTheme() ? "light" : "dark"));
