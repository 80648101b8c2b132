"use strict";
(() => {
  const table = document.getElementById("table");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const compare = new Intl.Collator(document.documentElement.lang, { numeric: true }).compare;
  const plain = (text) => text.normalize("NFC").toLocaleLowerCase();

  for (const tool of document.querySelectorAll(".tools")) tool.hidden = false;

  // Sorting: each heading gets a button. Points begin with the lowest, and ties keep their order.
  const headings = [...table.querySelectorAll("th[data-column]")];
  for (const heading of headings) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sort(heading));
  }

  function sort(heading) {
    const falling = heading.getAttribute("aria-sort") === "ascending";
    for (const other of headings) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const column = Number(heading.dataset.column);
    const value = (row) => row.cells[column].dataset.value ?? "";
    const order = column === 0 ? compare : (a, b) => a - b;
    rows.sort((a, b) => (falling ? -1 : 1) * order(value(a), value(b)));
    body.append(...rows);
  }

  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  search.addEventListener("input", () => {
    const wanted = plain(search.value.trim());
    for (const row of rows) row.hidden = !plain(row.textContent).includes(wanted);
    const count = rows.filter((row) => !row.hidden).length;
    shown.textContent = shown.dataset.words.replace("{shown}", count).replace("{all}", rows.length);
  });

  const select = document.getElementById("highlight");
  select.addEventListener("change", () => {
    for (const curve of document.querySelectorAll(".chosen")) curve.classList.remove("chosen");
    if (select.value === "") return;
    for (const curve of document.querySelectorAll(`[id^="curve-"][id$="-${select.value}"]`)) {
      curve.classList.add("chosen");
      curve.parentNode.append(curve);
    }
  });
})();
