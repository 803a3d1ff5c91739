"use strict";
// Sorting and the theme: what the page can do beyond being read.
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const current = () => root.dataset.theme || (dark.matches ? "dark" : "light");
  const other = () => (current() === "dark" ? "light" : "dark");
  const label = () => { button.textContent = "Show " + other(); };
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => { root.dataset.theme = other(); label(); });
    dark.addEventListener("change", label);
    label();
  }

  const value = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.v ?? cell.textContent;
    const number = Number(text.replaceAll(",", ""));
    return text.trim() === "" || Number.isNaN(number) ? text : number;
  };
  const order = (a, b) => {
    // Numbers before words: a figure that does not exist comes last in either direction.
    if (typeof a !== typeof b) return typeof a === "number" ? -Infinity : Infinity;
    return typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const sort = document.createElement("button");
      sort.type = "button";
      sort.append(...head.childNodes);
      head.append(sort);
      sort.addEventListener("click", () => {
        // Numbers start with the largest: that is what one looks for.
        const first = head.classList.contains("n") ? "descending" : "ascending";
        const second = first === "ascending" ? "descending" : "ascending";
        const direction = head.getAttribute("aria-sort") === first ? second : first;
        heads.forEach((cell) => cell.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", direction);
        const sign = direction === "ascending" ? 1 : -1;
        const rows = [...table.tBodies[0].rows].map((row) => [value(row, column), row]);
        rows.sort(([a], [b]) => {
          const difference = order(a, b);
          return Number.isFinite(difference) ? sign * difference : difference;
        });
        table.tBodies[0].append(...rows.map(([, row]) => row));
      });
    });
  }

  // A link to a folded section opens it.
  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", open);
  open();

  // What is wider than a sheet becomes smaller on paper, as far as its smaller text there is not enough.
  const sheet = 0.97 * (186 / 25.4) * 96 * (13 / 9);
  const tables = document.querySelectorAll(".scroll > table");
  addEventListener("beforeprint", () => {
    for (const table of tables) table.style.zoom = Math.min(1, sheet / table.offsetWidth);
  });
  addEventListener("afterprint", () => { for (const table of tables) table.style.zoom = ""; });
})();
