"use strict";
for (const section of document.querySelectorAll(".assignment")) {
  const table = section.querySelector(".students table");
  const body = table.tBodies[0];
  let rows = [...body.rows];
  let order = null;
  const compare = new Intl.Collator(document.documentElement.lang, { numeric: true }).compare;
  const plain = (text) => text.normalize("NFC").toLocaleLowerCase();

  for (const tool of section.querySelectorAll(".tools")) tool.hidden = false;

  // Sorting: each heading gets a button. Points begin with the lowest, and ties keep their order.
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sort(heading, column));
  });

  // A hand-in that isn't graded comes before all points, and no hand-in before that.
  function value(cell) {
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    const points = Number.parseFloat(cell.textContent);
    return Number.isNaN(points) ? (cell.className === "ungraded" ? -1 : -2) : points;
  }

  function sort(heading, column) {
    const falling = heading.getAttribute("aria-sort") === "ascending";
    for (const other of headings) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    order = { column, falling };
    arrange();
  }

  function arrange() {
    const { column, falling } = order;
    const key = column === 0 ? (row) => row.cells[0].textContent : (row) => value(row.cells[column]);
    const between = column === 0 ? compare : (a, b) => a - b;
    const keyed = rows.map((row) => [key(row), row]);
    keyed.sort(([a], [b]) => (falling ? -1 : 1) * between(a, b));
    keyed.forEach(([, row], at) => (rows[at] = row));
    body.append(...rows);
  }

  // The radio buttons of the summary filter by a rule of the style sheet; these filters come on top of it.
  const search = section.querySelector("[type=search]");
  const group = section.querySelector("select.section");
  const verdict = section.querySelector("select.verdict");
  const which = section.querySelector("select.which");
  const status = section.querySelector("[role=status]");

  function filter() {
    const words = plain(search.value.trim());
    const cells = (row) => (which.value ? [row.cells[which.value]] : [...row.cells]);
    for (const row of rows) {
      const judged = !verdict.value || cells(row).some((cell) => cell.classList.contains(verdict.value));
      const inGroup = !group?.value || row.dataset.section === group.value;
      row.hidden = !judged || !inGroup || !plain(row.textContent).includes(words);
    }
    const count = rows.filter((row) => row.checkVisibility()).length;
    status.textContent = status.dataset.words.replace("{shown}", count).replace("{all}", rows.length);
  }
  section.addEventListener("change", filter);
  search.addEventListener("input", filter);

  // The rows have been replaced by newer ones.
  section.addEventListener("fresh", () => {
    rows = [...body.rows];
    if (order) arrange();
    filter();
  });

  section.querySelector("select.highlight")?.addEventListener("change", (event) => {
    for (const curve of section.querySelectorAll(".chosen")) curve.classList.remove("chosen");
    const curve = event.target.value && document.getElementById(event.target.value);
    if (curve) {
      curve.classList.add("chosen");
      curve.parentNode.append(curve);
    }
  });
}
