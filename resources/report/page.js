// Charts, sortable tables, downloads and the theme; the page can be read without any of it.
"use strict";
const root = document.documentElement;
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Pictures that appear twice are held once.
for (const image of all("img[data-copy]")) image.src = document.getElementById(image.dataset.copy).src;

// Theme: that of the system until the button is pressed

const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
const button = document.getElementById("theme");
function showTheme() {
  root.classList.toggle("dark", isDark()); // DataTables' name for it
  button.setAttribute("aria-pressed", String(isDark()));
  drawn.forEach(draw);
}
button.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  showTheme();
});
system.addEventListener("change", showTheme);

// Charts

const specs = JSON.parse(document.getElementById("specs").textContent);
const drawn = new Set();
const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
function look() {
  const ink = colour("--ink");
  const line = colour("--line");
  const axis = { labelColor: ink, titleColor: ink, domainColor: ink, tickColor: ink, gridColor: line };
  return {
    mark: { aria: false }, // the chart is described as a whole, below
    background: colour("--paper"),
    font: "system-ui, sans-serif",
    axis: { ...axis, aria: false, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
    legend: { aria: false, labelColor: ink, titleColor: ink, labelFontSize: 12 },
    rule: { color: ink },
    text: { color: ink },
    title: { color: ink },
    view: { stroke: null },
  };
}
async function draw(place) {
  drawn.add(place);
  const name = place.dataset.chart;
  const actions = { export: true, source: false, compiled: false, editor: false };
  const options = { mode: "vega-lite", renderer: "svg", actions, config: look(), downloadFileName: name };
  await vegaEmbed(place, specs[name], options);
  const svg = place.querySelector("svg.marks");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", specs[name].description);
  // Vega's menu of downloads and its drop-down lists, named for those who do not see them
  for (const summary of all("summary", place)) summary.setAttribute("aria-label", "Download this chart");
  for (const list of all(".vega-bind", place)) {
    const words = list.querySelector(".vega-bind-name")?.textContent.trim();
    list.querySelector("select, input")?.setAttribute("aria-label", words);
  }
  place.dataset.done = "yes";
}
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) {
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }
}, { rootMargin: "400px" });

// Tables that can be sorted, searched and filtered

const paged = [];
async function sortTables() {
  const source = document.getElementById("tables-module").textContent;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { ITable, default: DataTable } = await import(url);
  URL.revokeObjectURL(url);
  for (const table of all("table[data-sort]")) {
    const rows = Number(table.dataset.pages || 0);
    const filtered = (table.dataset.filter || "").split(",").filter(Boolean).map(Number);
    const made = new DataTable(table, {
      order: [],
      paging: rows > 0,
      pageLength: rows || -1,
      lengthMenu: [rows, 50, 200, { label: "all", value: -1 }],
      autoWidth: false,
      language: { search: `Search ${table.dataset.sort.toLowerCase()}:` },
    });
    filtered.forEach((column) => addFilter(made, column));
    paged.push(made);
    table.dataset.done = "yes";
  }
}
function addFilter(table, number) {
  const column = table.column(number);
  const values = column.data().unique().sort().toArray().filter(Boolean);
  if (values.length < 2) return;
  const title = column.header().textContent.trim();
  const list = document.createElement("select");
  list.setAttribute("aria-label", `Only this ${title.toLowerCase()}`);
  list.append(new Option(`${title}: all`, ""), ...values.map((value) => new Option(value, value)));
  list.addEventListener("change", () => {
    column.search(list.value, { exact: list.value !== "" }).draw();
  });
  const box = table.table().container();
  let place = box.querySelector(".filters");
  if (!place) {
    place = document.createElement("div");
    place.className = "filters";
    box.prepend(place);
  }
  place.append(list);
}
for (const leaf of all("button[data-class]")) {
  leaf.addEventListener("click", () => {
    const field = document.querySelector("#places_wrapper input[type=search]");
    field.value = leaf.dataset.class;
    field.dispatchEvent(new Event("input"));
    field.scrollIntoView({ block: "center" });
    field.focus();
  });
}

// Downloads

function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
for (const button of all("button[data-gzip]")) {
  button.addEventListener("click", async () => {
    const packed = new Blob([bytes(button.dataset.gzip)]).stream();
    const plain = packed.pipeThrough(new DecompressionStream("gzip"));
    save(button.dataset.file, await new Response(plain).blob());
  });
}
for (const button of all("button[data-png]")) {
  button.addEventListener("click", () => {
    const data = document.getElementById(`png-${button.dataset.png}`).src.split(",")[1];
    save(`${button.dataset.png}.png`, new Blob([bytes(data)], { type: "image/png" }));
  });
}

addEventListener("load", () => {
  showTheme();
  all(".chart").forEach((place) => seen.observe(place));
  sortTables().then(() => (root.dataset.ready = "yes"));
});
// On paper, tables have all their rows.
let lengths = [];
addEventListener("beforeprint", () => {
  all("details:not(.tree):not(.twin)").filter((part) => !part.closest(".tree, .chart")).forEach((part) => (part.open = true));
  lengths = paged.map((table) => table.page.len());
  paged.forEach((table) => table.page.len(-1).draw(false));
});
addEventListener("afterprint", () => lengths.forEach((length, i) => paged[i].page.len(length).draw(false)));
