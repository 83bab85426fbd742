// Before the first paint, so that nobody who chose dark is shown white: not a module on purpose.
"use strict";
try {
  const theme = localStorage.getItem("trunkline.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is forbidden here: the system's own choice holds.
}
