// A colour for each region, the same in all pictures; told apart by those who see colours otherwise, and never by colour alone.
const LIGHT = ["#4f86cf", "#e0934a", "#45a99a", "#ad74c6", "#c8a415", "#5ab0d8", "#8c6d4f", "#6a8f2f", "#e07a9c", "#5d6b82", "#1f4e79", "#b5a7d6"];
const DARK = ["#5b93e0", "#e59a4c", "#3bb5a4", "#bb80d6", "#d8b93c", "#76c4e8", "#b08f6d", "#8bb348", "#ee95b3", "#8593ab", "#3f79b3", "#c9bde6"];

const dark = matchMedia("(prefers-color-scheme: dark)");

export const theme = {
  /** `light`, `dark`, or nothing: what the system says. */
  chosen: localStorage.getItem("waypost-theme") ?? "",
  isDark: () => (theme.chosen ? theme.chosen === "dark" : dark.matches),
  choose(next) {
    theme.chosen = next;
    if (next) localStorage.setItem("waypost-theme", next);
    else localStorage.removeItem("waypost-theme");
    theme.apply();
  },
  apply() {
    if (theme.chosen) document.documentElement.dataset.theme = theme.chosen;
    else delete document.documentElement.dataset.theme;
    theme.listeners.forEach((listener) => listener());
  },
  listeners: new Set(),
};
dark.addEventListener("change", () => theme.apply());

/** The colour of a region by its place in the config. */
export function regionColor(regions, name) {
  const place = regions.findIndex((region) => region.name === name);
  const colors = theme.isDark() ? DARK : LIGHT;
  return place < 0 ? (theme.isDark() ? "#596273" : "#9aa3b2") : colors[place % colors.length];
}
