"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const byName = new Map(data.streams.map((stream) => [stream.name, stream]));
const DEFAULTS = { rows: 10000, days: 365, tenants: 1 };
const KINDS = ["export", "listing", "nested", "window", "unpaged", "singleton", "capacity"];

const state = { query: "", api: "", kind: "", ticked: false, map: "", open: new Set(), chosen: new Map(), ...DEFAULTS };
/* chosen: stream name -> null for all fields, else the set of chosen fields */

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/* A field is [name, type, stream it joins to, reason why it joins to none, fields in it]. */
function* walk(fields, prefix = "", depth = 0) {
  for (const [name, type, joinsTo, noJoin, inner] of fields) {
    const path = prefix + name;
    yield { path, name, type: data.types[type], joinsTo, noJoin: data.reasons[noJoin], depth };
    if (inner) yield* walk(inner, path + (data.types[type].startsWith("list") ? "[]." : "."), depth + 1);
  }
}
const automatic = (stream) => new Set([...stream.keys, stream.replicationKey].filter(Boolean));
const topFields = (stream) => stream.fields.map(([name]) => name);

const joinedFrom = new Map();
for (const stream of data.streams)
  for (const field of walk(stream.fields))
    if (field.joinsTo) joinedFrom.set(field.joinsTo, [...(joinedFrom.get(field.joinsTo) ?? []), [stream.name, field.path]]);

/* The same as Cost.first_run and Cost.later_run of request_costs.py. */
function firstRun(cost, rows, days) {
  if (cost.per === "run") return cost.requests;
  if (cost.per === "window") return Math.ceil(days / cost.days) + 1;
  if (cost.parent) return firstRun(cost.parent, rows, days) + rows;
  return Math.max(1, Math.ceil(rows / cost.pageSize));
}
function laterRun(cost, rows, days) {
  if (cost.full) return firstRun(cost, rows, days);
  return cost.per === "window" ? Math.floor(cost.lookbackDays / cost.days) + 1 : 1;
}

/* ---- the address ---- */
function address() {
  const parts = new URLSearchParams();
  if (state.query) parts.set("q", state.query);
  for (const name of ["api", "kind", "map"]) if (state[name]) parts.set(name, state[name]);
  if (state.ticked) parts.set("ticked", "1");
  if (state.open.size) parts.set("open", [...state.open].join(","));
  if (state.chosen.size)
    parts.set("s", [...state.chosen].map(([name, fields]) => (fields ? `${name}(${[...fields].join(" ")})` : name)).join(","));
  for (const name of Object.keys(DEFAULTS)) if (state[name] !== DEFAULTS[name]) parts.set(name, state[name]);
  return "#" + parts.toString().replaceAll("%2C", ",").replaceAll("%28", "(").replaceAll("%29", ")");
}
function readAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  state.query = parts.get("q") ?? "";
  for (const name of ["api", "kind", "map"]) state[name] = parts.get(name) ?? "";
  state.ticked = parts.has("ticked");
  state.open = new Set((parts.get("open") ?? "").split(",").filter((name) => byName.has(name)));
  state.chosen = new Map();
  for (const [, name, fields] of (parts.get("s") ?? "").matchAll(/(\w+)(?:\(([^)]*)\))?/g)) {
    const stream = byName.get(name);
    if (!stream) continue;
    const known = new Set(topFields(stream));
    state.chosen.set(name, fields == null ? null : new Set(fields.split(" ").filter((field) => known.has(field))));
  }
  for (const [name, value] of Object.entries(DEFAULTS)) state[name] = Number.parseInt(parts.get(name) ?? value, 10) || value;
}
const remember = () => history.replaceState(null, "", address());

/* ---- the list ---- */
function marked(text, query) {
  const at = query ? text.toLowerCase().indexOf(query) : -1;
  if (at < 0) return [text];
  return [text.slice(0, at), element("mark", {}, text.slice(at, at + query.length)), text.slice(at + query.length)];
}
function matches(stream, query) {
  if (state.api && stream.api !== state.api) return null;
  if (state.kind && stream.kind.split(" ")[0] !== state.kind) return null;
  if (state.ticked && !state.chosen.has(stream.name)) return null;
  if (!query) return [];
  const hits = [...walk(stream.fields)].filter((field) => field.path.toLowerCase().includes(query));
  return hits.length || stream.name.includes(query) || stream.scope.includes(query) ? hits : null;
}
function renderList() {
  const query = state.query.trim().toLowerCase();
  const shown = data.streams.map((stream) => [stream, matches(stream, query)]).filter(([, hits]) => hits);
  const fields = shown.reduce((sum, [, hits]) => sum + hits.length, 0);
  $("found").textContent = query
    ? `${shown.length} streams, ${fields} fields with “${state.query.trim()}”.`
    : `${shown.length} streams of ${new Set(shown.map(([stream]) => stream.api)).size} APIs.`;
  const sections = Map.groupBy ? Map.groupBy(shown, ([stream]) => stream.api) : grouped(shown);
  $("list").replaceChildren(
    ...[...sections].map(([api, streams]) =>
      element("section", { "aria-label": api }, element("h3", {}, api),
        element("ul", { class: "streams" }, ...streams.map(([stream, hits]) => item(stream, hits, query))))),
  );
}
function grouped(shown) {
  const sections = new Map();
  for (const one of shown) sections.set(one[0].api, [...(sections.get(one[0].api) ?? []), one]);
  return sections;
}
function item(stream, hits, query) {
  const { name } = stream;
  const chosen = state.chosen.has(name);
  const tick = element("input", { type: "checkbox", id: `tick-${name}`, "aria-label": `Select ${name}`, onchange: () => choose(name, tick.checked) });
  tick.checked = chosen;
  const some = state.chosen.get(name);
  tick.indeterminate = Boolean(some);
  const open = state.open.has(name);
  const button = element("button", { type: "button", id: `open-${name}`, "aria-expanded": String(open), "aria-controls": `detail-${name}`, onclick: () => toggle(name) },
    element("span", { class: "name" }, ...marked(name, query)),
    element("span", { class: "facts" }, [stream.kind, stream.replicationKey ? `new by ${stream.replicationKey}` : stream.cost.full ? "read in full" : "of changed parents"].join(" · ")));
  const made = element("li", { class: `stream${chosen ? " on" : ""}`, id: `stream-${name}` },
    element("div", { class: "row" }, tick, button),
    hits.length && !open ? hitList(hits, query) : null);
  if (open) made.append(detail(stream, query));
  return made;
}
function hitList(hits, query) {
  const most = 8;
  const items = hits.slice(0, most).map((field) =>
    element("li", {}, ...marked(field.path, query), ` ${field.type}`, field.joinsTo ? ` → ${field.joinsTo}` : ""));
  if (hits.length > most) items.push(element("li", {}, `and ${hits.length - most} more`));
  return element("ul", { class: "hits", "aria-label": "Fields found" }, ...items);
}
const link = (name) => element("button", { type: "button", class: "link", onclick: () => show(name) }, name);

function detail(stream, query) {
  const pairs = [
    ["Kind", stream.kind],
    ["Key", stream.keys.length ? stream.keys.join(", ") : "none: rows are appended"],
    ["Replication key", stream.replicationKey ?? (stream.cost.full ? "none: read in full in each run" : "none: later runs read the records of changed parents")],
    ["Scope", element("code", {}, stream.scope)],
    ["Cost", stream.costWords],
    ["Rows that move", data.guarantees[stream.movingRows] ? `${stream.movingRows}: ${data.guarantees[stream.movingRows]}` : stream.movingRows],
    ["Selected by default", stream.selected ? "yes" : "no"],
  ];
  const incoming = joinedFrom.get(stream.name) ?? [];
  if (incoming.length) {
    const most = 12;
    const parts = incoming.slice(0, most).flatMap(([name, path]) => [link(name), `.${path}`, ", "]);
    parts.pop();
    if (incoming.length > most) parts.push(` and ${incoming.length - most} more`);
    pairs.push(["Joined from", element("span", {}, ...parts)]);
  }
  return element("div", { class: "detail", id: `detail-${stream.name}`, role: "region", "aria-label": `Stream ${stream.name}` },
    element("dl", {}, ...pairs.flatMap(([term, value]) => [element("dt", {}, term), element("dd", {}, value)])),
    fieldTable(stream, query));
}
function fieldTable(stream, query) {
  const fixed = automatic(stream);
  const chosen = state.chosen.get(stream.name);
  const rows = [...walk(stream.fields)].map((field) => {
    let tick = "";
    let label = element("span", { class: "inner", style: `--depth: ${field.depth}` }, ...marked(field.name, query));
    if (!field.depth) {
      const id = `field-${stream.name}-${field.path}`;
      tick = element("input", { type: "checkbox", id, disabled: fixed.has(field.path), onchange: () => chooseField(stream, field.path, tick.checked) });
      tick.checked = fixed.has(field.path) || (state.chosen.has(stream.name) && (!chosen || chosen.has(field.path)));
      label = element("label", { for: id }, ...marked(field.name, query));
    }
    const badge = field.depth ? null : stream.keys.includes(field.path) ? "key" : field.path === stream.replicationKey ? "replication key" : null;
    const joins = field.joinsTo ? [link(field.joinsTo)] : field.noJoin ? [element("span", { class: "why" }, field.noJoin)] : [];
    return element("tr", {}, element("td", {}, tick), element("td", {}, label, badge && " ", badge && element("span", { class: "key" }, badge)),
      element("td", {}, field.type), element("td", {}, ...joins));
  });
  return element("table", { class: "fields" },
    element("caption", {}, `${stream.fields.length} fields`),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, element("span", { class: "hidden" }, "Selected")),
      element("th", { scope: "col" }, "Field"), element("th", { scope: "col" }, "Type"), element("th", { scope: "col" }, "Joins to"))),
    element("tbody", {}, ...rows));
}
function redraw(name) {
  const old = $(`stream-${name}`);
  if (!old) return;
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  const query = state.query.trim().toLowerCase();
  old.replaceWith(item(byName.get(name), matches(byName.get(name), query) ?? [], query));
  if (focused) $(focused)?.focus();
}
function toggle(name) {
  state.open.has(name) ? state.open.delete(name) : state.open.add(name);
  redraw(name);
  remember();
}
function show(name) {
  state.open.add(name);
  if (!matches(byName.get(name), state.query.trim().toLowerCase())) {
    Object.assign(state, { query: "", api: "", kind: "", ticked: false });
    writeFilters();
    renderList();
  } else redraw(name);
  remember();
  $(`stream-${name}`).scrollIntoView({ block: "start" });
  $(`open-${name}`).focus({ preventScroll: true });
}

/* ---- the choice ---- */
function choose(name, on) {
  on ? state.chosen.set(name, null) : state.chosen.delete(name);
  if (state.ticked && !on) renderList();
  else redraw(name);
  renderSelection();
  remember();
}
function chooseField(stream, field, on) {
  const fixed = automatic(stream);
  const free = topFields(stream).filter((each) => !fixed.has(each));
  const before = state.chosen.has(stream.name) ? state.chosen.get(stream.name) ?? new Set(free) : new Set();
  const after = new Set(free.filter((each) => (each === field ? on : before.has(each))));
  state.chosen.set(stream.name, after.size === free.length ? null : after);
  redraw(stream.name);
  renderSelection();
  remember();
}
function rules() {
  const names = data.streams.map((stream) => stream.name).filter((name) => state.chosen.has(name));
  return names.flatMap((name) => {
    const fields = state.chosen.get(name);
    if (!fields) return [`${name}.*`];
    const stream = byName.get(name);
    const fixed = automatic(stream);
    return topFields(stream).filter((field) => fixed.has(field) || fields.has(field)).map((field) => `${name}.${field}`);
  });
}
function renderSelection() {
  const streams = data.streams.filter((stream) => state.chosen.has(stream.name));
  $("empty").hidden = streams.length > 0;
  $("chosen").hidden = $("jump").hidden = streams.length === 0;
  const count = streams.length === 1 ? "1 stream" : `${streams.length} streams`;
  $("jump").textContent = `Your selection: ${count}`;
  $("count").textContent = count;
  $("meltano").textContent = ["    select:", ...rules().map((rule) => `    - ${rule}`)].join("\n") + "\n";
  const command = `tap-servicetitan --config config.json \\\n  --discover \\\n  --select '${rules().join(",")}' \\\n  > catalog.json\n`;
  $("command").replaceChildren(...command.split(/(?<=,)/).flatMap((part, i) => (i ? [element("wbr"), part] : [part])));
  $("scopes").textContent = [...new Set(streams.map((stream) => stream.scope).concat(streams.flatMap((stream) => stream.parentScopes)))].sort().join("\n") + "\n";
  for (const name of Object.keys(DEFAULTS)) if (document.activeElement !== $(name)) $(name).value = state[name];
  for (const [id, count] of [["first", firstRun], ["later", laterRun]])
    $(id).textContent = requests(streams.reduce((sum, stream) => sum + count(stream.cost, state.rows, state.days), 0) * state.tenants);
  const costly = streams.filter((stream) => stream.cost.per === "parent").map((stream) => stream.name);
  $("costly").textContent = `${costly.length ? `A request for each parent: ${costly.join(", ")}. ` : ""}Estimated; a page of a feed is taken as ${data.feedPageSize.toLocaleString("en")} rows. The time is what ${data.requestsPerSecond} requests a second and tenant allow at best.`;
}
function requests(number) {
  const seconds = number / state.tenants / data.requestsPerSecond;
  const time = seconds < 1 ? "1 s" : seconds < 120 ? `${Math.ceil(seconds)} s` : seconds < 7200 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3600)} h`;
  return `${number.toLocaleString("en")} (${time})`;
}

/* ---- pictures ---- */
function renderMap() {
  for (const button of $("areas").children) button.setAttribute("aria-expanded", String(button.dataset.area === state.map));
  const svg = state.map && $("drawings").querySelector(`[data-area="${CSS.escape(state.map)}"] svg`);
  $("map").hidden = !svg;
  $("map").replaceChildren(...(svg ? [svg.cloneNode(true)] : []));
  if (!svg) return;
  for (const name of ["tabindex", "role", "aria-label"]) $("map").setAttribute(name, { tabindex: "0", role: "region", "aria-label": `Joins: ${state.map}` }[name]);
  for (const node of $("map").querySelectorAll(".node")) {
    const name = node.id.replace("node-", "");
    node.addEventListener("click", (event) => { event.preventDefault(); show(name); });
    for (const [type, lit] of [["mouseenter", true], ["mouseleave", false], ["focusin", true], ["focusout", false]])
      node.addEventListener(type, () => {
        for (const edge of $("map").querySelectorAll(".edge")) {
          const mine = edge.id.split("--").slice(1).includes(name);
          edge.classList.toggle("lit", lit && mine);
          edge.classList.toggle("dim", lit && !mine);
        }
      });
  }
}

/* ---- start ---- */
function writeFilters() {
  $("query").value = state.query;
  $("api").value = state.api;
  $("kind").value = state.kind;
  $("ticked").checked = state.ticked;
}
async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element("textarea", { style: "position: fixed; opacity: 0" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  $("said").textContent = `${what} copied.`;
}
function flash(button) {
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1500);
}
function render() {
  writeFilters();
  renderList();
  renderMap();
  renderSelection();
}
$("api").append(...[...new Set(data.streams.map((stream) => stream.api))].map((api) => element("option", { value: api }, api)));
$("kind").append(...KINDS.map((kind) => element("option", { value: kind }, kind)));
$("areas").append(...[...$("drawings").children].map((drawing) =>
  element("button", { type: "button", "data-area": drawing.dataset.area, "aria-controls": "map", "aria-expanded": "false",
    onclick: () => { state.map = state.map === drawing.dataset.area ? "" : drawing.dataset.area; renderMap(); remember(); } }, drawing.dataset.area)));
$("query").addEventListener("input", () => { state.query = $("query").value; renderList(); remember(); });
for (const name of ["api", "kind"]) $(name).addEventListener("change", () => { state[name] = $(name).value; renderList(); remember(); });
$("ticked").addEventListener("change", () => { state.ticked = $("ticked").checked; renderList(); remember(); });
$("filters").addEventListener("submit", (event) => event.preventDefault());
for (const name of Object.keys(DEFAULTS))
  $(name).addEventListener("input", () => { state[name] = Math.max(0, Number.parseInt($(name).value, 10) || 0) || (name === "rows" ? 0 : 1); renderSelection(); remember(); });
for (const button of document.querySelectorAll("[data-copy]"))
  button.addEventListener("click", () => { copy($(button.dataset.copy).textContent, button.getAttribute("aria-label").replace("Copy ", "")); flash(button); });
$("share").addEventListener("click", () => { copy(location.href, "The link"); flash($("share")); });
$("clear").addEventListener("click", () => { state.chosen.clear(); render(); remember(); $("query").focus(); });
document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); $("query").focus(); $("query").select(); }
  if (event.key === "Escape" && document.activeElement === $("query")) { state.query = ""; render(); remember(); }
});
/* Links within the page must not replace the choice in the address. */
for (const jump of document.querySelectorAll('a[href="#streams"], a[href="#selection"]'))
  jump.addEventListener("click", (event) => {
    event.preventDefault();
    const target = document.querySelector(jump.getAttribute("href"));
    target.scrollIntoView({ block: "start" });
    target.focus({ preventScroll: true });
  });
new IntersectionObserver(([{ isIntersecting }]) => $("jump").classList.toggle("there", isIntersecting)).observe($("selection"));
addEventListener("hashchange", () => { readAddress(); render(); });
readAddress();
render();
if (state.open.size) $(`stream-${[...state.open][0]}`)?.scrollIntoView({ block: "start" });
