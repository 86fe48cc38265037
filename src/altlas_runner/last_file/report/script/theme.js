// Light, dark, or as the system says: the reader chooses, and the browser remembers.

const THEMES = ["auto", "light", "dark"];

const themeOf = () => {
  try {
    return localStorage.getItem("altlas-theme") ?? "auto";
  } catch {
    return "auto"; // a page from disk may have no storage
  }
};

const useTheme = (theme, control) => {
  document.documentElement.dataset.theme = THEMES.includes(theme) ? theme : "auto";
  control.textContent = "Theme: " + document.documentElement.dataset.theme;
  try {
    localStorage.setItem("altlas-theme", document.documentElement.dataset.theme);
  } catch {
    // it holds for this visit
  }
};

const nextTheme = () => THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
