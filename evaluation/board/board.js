"use strict";
// Everything from records reaches the page as text, never as markup.
const rows = JSON.parse(document.getElementById("data").textContent);
// Ten hues, and another dash and marker for the next ten: no two agents look alike.
const HUES = [158, 20, 221, 300, 38, 192, 345, 85, 262, 30];
const DASHES = ["", "7 4", "2 3"];
const SVG = "http://www.w3.org/2000/svg";
const at = (id) => document.getElementById(id);
const isNumber = (x) => typeof x === "number" && Number.isFinite(x);
const percent = (x) => (isNumber(x) ? Number((100 * x).toFixed(9)).toFixed(1) + "%" : "–");
const count = (x) => (isNumber(x) ? Math.round(x).toLocaleString("en") : "–");
const fixed = (digits) => (x) => (isNumber(x) ? x.toFixed(digits) : "–");
const given = (name) => (row) => row.given[name];
const dark = window.matchMedia && window.matchMedia("(prefers-color-scheme: dark)").matches;
const color = (index) => "hsl(" + HUES[index % 10] + (index % 10 === 9 ? " 8% " : " 65% ") + (dark ? "68%)" : "35%)");
const round = (index) => Math.floor(index / 10) % 3;
const agents = [...new Set(rows.map((row) => row.agent))];

function element(name, text, attributes = {}, space = null) {
  const made = space ? document.createElementNS(space, name) : document.createElement(name);
  if (text !== null && text !== undefined) made.textContent = String(text);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
const drawn = (name, attributes, text) => element(name, text, attributes, SVG);

const COLUMNS = [
  { name: "Agent", value: (row) => row.agent, show: String },
  { name: "Suite", value: (row) => row.suite, show: String },
  { name: "Track", value: (row) => row.track, show: String },
  { name: "Success", value: (row) => row.success, show: percent, interval: (row) => row.mean_interval, title: "Share of episodes that were satisfied at their end" },
  { name: "IQM", value: (row) => row.iqm, show: percent, interval: (row) => row.iqm_interval, title: "Interquartile mean over replicates and tasks" },
  { name: "Once", value: (row) => row.once, show: percent, title: "Share of episodes that were satisfied at some time" },
  { name: "Return", value: (row) => row.returned, show: fixed(2) },
  { name: "Error", value: (row) => row.error, show: fixed(3), title: "Median of the true error at the end" },
  { name: "Steps", value: (row) => row.steps, show: count, title: "Median steps until satisfied for the first time" },
  { name: "ms", value: (row) => (isNumber(row.latency.median) ? 1000 * row.latency.median : null), show: fixed(1), title: "Median milliseconds of an action" },
  { name: "p95 ms", value: (row) => (isNumber(row.latency.p95) ? 1000 * row.latency.p95 : null), show: fixed(1) },
  { name: "Missed", value: (row) => row.missed, show: count, title: "Actions after their deadline" },
  { name: "Demos", value: given("demonstrations"), show: count, title: "Demonstrations as events" },
  { name: "Expert episodes", value: given("episodes"), show: count, title: "Demonstrations in actions" },
  { name: "Told", value: (row) => [row.given.reward && "reward", row.given.goal && "goals"].filter(Boolean).join(", "), show: (x) => x || "–", title: "The reward, or true error; a solution of each scene, also in the test" },
  { name: "Env steps", value: given("environment_steps"), show: count, title: "Steps in the test environment while learning" },
  { name: "Model steps", value: given("model_steps"), show: count, title: "Steps of a model, in an episode; planners of this package have an exact one" },
  { name: "Pre-training", value: given("pretraining_steps"), show: count, title: "Updates before the agent met the task" },
  { name: "To reach concept agent", value: (row) => (isNumber(row.curves.reached) ? (isNumber(row.curves.until) ? row.curves.until : 1e300) : null), show: (x, row) => (isNumber(row.curves.reached) ? (isNumber(row.curves.until) ? count(x) : "never") + " (" + row.curves.reached + " of " + row.curves.judged + ")" : "–"), title: "Median steps of practice until the concept agent's success, to within five points, and how many runs came there" },
  { name: "Flat curves", value: (row) => row.curves.flat, show: (x, row) => (isNumber(x) ? x + " of " + row.curves.curves + ", " + row.curves.nothing + " at nothing, " + row.curves.moving + " moving, " + row.curves.short + " too short" : "–"), title: "Learning curves whose last fifth differs from an earlier one by no more than five points or noise; those that moved were cut; too short are those without two fifths that share no episode" },
  { name: "Learning s", value: (row) => row.learning, show: count, title: "Mean seconds of learning a task once" },
  { name: "Replicates", value: (row) => row.replicates, show: count },
  { name: "Tasks", value: (row) => row.tasks, show: (x, row) => x + " of " + row.of_tasks },
  { name: "Failed cells", value: (row) => row.failures, show: count },
  { name: "Status", value: (row) => row.status, show: String },
];
const COSTS = {
  "environment steps": given("environment_steps"), "model steps in an episode": given("model_steps"),
  "pre-training updates": given("pretraining_steps"), "milliseconds of an action": (row) => 1000 * (row.latency.median || 0),
  "seconds of learning a task": (row) => row.learning,
};
const TRACKS = { "few-shot": "Few-shot: told by demonstrations", reward: "Reward: told the reward, charged for steps", reference: "Reference: floors and ceilings" };
let sorted = { column: 3, descending: true };

function chosen() {
  const words = at("search").value.toLowerCase();
  return rows.filter((row) => (!at("track").value || row.track === at("track").value) && row.agent.toLowerCase().includes(words));
}
function absent(x) {
  return Number(x === null || x === undefined);
}
function compare(a, b) {
  return isNumber(a) && isNumber(b) ? a - b : String(a).localeCompare(String(b));
}
function interval(pair) {
  return Array.isArray(pair) ? element("span", " " + percent(pair[0]) + " to " + percent(pair[1]), { class: "interval" }) : null;
}
function drawTable(list) {
  const head = element("tr");
  COLUMNS.forEach((column, index) => {
    const own = index === sorted.column;
    const cell = element("th", null, { scope: "col", "aria-sort": own ? (sorted.descending ? "descending" : "ascending") : "none" });
    const button = element("button", column.name, { type: "button", title: column.title || column.name });
    button.addEventListener("click", () => {
      sorted = { column: index, descending: own ? !sorted.descending : index > 2 };
      draw();
      at("board").querySelectorAll("th button")[index].focus();
    });
    cell.append(button);
    head.append(cell);
  });
  const value = COLUMNS[sorted.column].value;
  const order = [...list].sort((a, b) => partial(a) - partial(b) || absent(value(a)) - absent(value(b)) || (sorted.descending ? -1 : 1) * compare(value(a), value(b)));
  const top = element("thead");
  top.append(head);
  const tracks = Object.keys(TRACKS).filter((track) => order.some((row) => row.track === track));
  const bodies = tracks.map((track) => drawTrack(track, order.filter((row) => row.track === track)));
  at("board").replaceChildren(element("caption", "Sorted by " + COLUMNS[sorted.column].name + ", within each track; who was run on a part of the tasks stands below"), top, ...bodies);
}
function drawTrack(track, order) {
  const body = element("tbody"), heading = element("tr", null, { class: "track" });
  heading.append(element("th", TRACKS[track], { colspan: COLUMNS.length, scope: "rowgroup" }));
  body.append(heading);
  for (const row of order) {
    const line = element("tr");
    for (const column of COLUMNS) {
      const cell = column === COLUMNS[0] ? element("th", row.agent, { scope: "row" }) : element("td", column.show(column.value(row), row));
      const range = column.interval && interval(column.interval(row));
      if (range) cell.append(range);
      line.append(cell);
    }
    body.append(line);
  }
  return body;
}
const partial = (row) => Number(row.tasks < row.of_tasks || !row.replicates);
function heated(cell, share) {
  if (!isNumber(share)) return;
  cell.style.background = "hsl(" + Math.round(120 * share) + " 55% 78%)";
  cell.style.color = "#111";
}
function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
// What all who were run in a suite have: tasks, and the replicates in which all have all of these.
function shared(list, suite) {
  const members = list.filter((row) => row.suite === suite);
  const names = members.map((row) => row.each.filter((one) => one.of).map((one) => one.task));
  const tasks = (names[0] || []).filter((task) => names.every((other) => other.includes(task)));
  const runs = members.flatMap((row) => row.each.filter((one) => tasks.includes(one.task)).map((one) => one.runs));
  const seeds = (runs[0] || []).map((run, seed) => seed).filter((seed) => runs.every((run) => isNumber(run[seed])));
  return { tasks, seeds };
}
// Success of a row, on everything or on what all have, and of how many tasks.
function success(row, common) {
  if (!common) return { share: row.success, tasks: row.tasks };
  const own = row.each.filter((one) => common.tasks.includes(one.task));
  const shares = own.flatMap((one) => common.seeds.map((seed) => one.runs[seed]));
  return { share: shares.length ? mean(shares) : null, tasks: own.length };
}
// Those who have a number in most suites first, the whole ones before those of a part; and of them the best.
function rank(own, shown, name) {
  const found = own.filter((row) => row.agent === name && isNumber(shown.get(row).share));
  const whole = at("common").checked ? found : found.filter((row) => !partial(row));
  return [-whole.length, whole.length ? -mean(whole.map((row) => shown.get(row).share)) : 0];
}
function drawGlance(list) {
  const common = new Map(suites.map((suite) => [suite, at("common").checked ? shared(list, suite) : null]));
  const shown = new Map(list.map((row) => [row, success(row, common.get(row.suite))]));
  const top = element("tr");
  top.append(element("th", "Agent", { scope: "col" }), ...suites.map((suite) => {
    const cell = element("th", null, { scope: "col" }), button = element("button", suite, { type: "button", "aria-pressed": at("suite").value === suite });
    button.addEventListener("click", () => {
      at("suite").value = suite;
      draw();
      at("glance").querySelectorAll("th button")[suites.indexOf(suite)].focus();
    });
    cell.append(button);
    return cell;
  }));
  const head = element("thead"), bodies = [];
  head.append(top);
  for (const track of Object.keys(TRACKS)) {
    const own = list.filter((row) => row.track === track), names = [...new Set(own.map((row) => row.agent))];
    if (!names.length) continue;
    const body = element("tbody"), heading = element("tr", null, { class: "track" });
    heading.append(element("th", TRACKS[track], { colspan: suites.length + 1, scope: "rowgroup" }));
    body.append(heading);
    const ranks = new Map(names.map((name) => [name, rank(own, shown, name)]));
    names.sort((a, b) => ranks.get(a)[0] - ranks.get(b)[0] || ranks.get(a)[1] - ranks.get(b)[1] || a.localeCompare(b));
    for (const name of names) {
      const line = element("tr");
      line.append(element("th", name, { scope: "row" }));
      for (const suite of suites) {
        const cell = element("td", "–");
        const row = own.find((one) => one.agent === name && one.suite === suite);
        if (row) {
          const { share, tasks } = shown.get(row);
          cell.textContent = percent(share);
          if (at("common").checked || partial(row)) cell.append(element("span", tasks + " of " + row.of_tasks, { class: "interval" }));
          heated(cell, share);
        }
        line.append(cell);
      }
      body.append(line);
    }
    bodies.push(body);
  }
  at("glance").replaceChildren(head, ...bodies);
}
function drawHeat(members) {
  const list = [...members].sort((a, b) => partial(a) - partial(b) || absent(a.success) - absent(b.success) || compare(b.success, a.success));
  const tasks = [...new Set(list.flatMap((row) => row.each.map((one) => one.task)))];
  const top = element("tr");
  top.append(element("th", "Task", { scope: "col" }), ...list.map((row) => element("th", at("suite").value ? row.agent : row.agent + ", " + row.suite, { scope: "col" })));
  const body = element("tbody");
  for (const task of at("suite").value ? tasks : []) {
    const line = element("tr");
    line.append(element("th", task, { scope: "row" }));
    for (const row of list) {
      const one = row.each.find((each) => each.task === task);
      const share = one && one.of ? one.hits / one.of : null;
      const cell = element("td", percent(share), one ? { title: one.hits + " of " + one.of + (one.noise > 0 ? "; means of runs differ by " + percent(one.noise) + " from noise alone" : "") } : {});
      if (one) cell.append(interval(one.interval));
      heated(cell, share);
      line.append(cell);
    }
    body.append(line);
  }
  const head = element("thead");
  head.append(top);
  at("heat").replaceChildren(head, body);
}
function axes(label, xTicks, x, y, title) {
  const svg = drawn("svg", { viewBox: "0 0 640 330", role: "group", "aria-label": title });
  for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(drawn("line", { x1: 50, x2: 620, y1: y(tick), y2: y(tick), stroke: "currentColor", "stroke-opacity": 0.2 }),
      drawn("text", { x: 44, y: y(tick) + 4, "text-anchor": "end" }, percent(tick)));
  }
  for (const [tick, text] of xTicks) svg.append(drawn("text", { x: x(tick), y: 302, "text-anchor": "middle" }, text));
  svg.append(drawn("text", { x: 335, y: 322, "text-anchor": "middle" }, label));
  return svg;
}
const up = (share) => 285 - 265 * Math.min(Math.max(share, 0), 1);
function marker(index, x, y) {
  const looks = { fill: color(index), "fill-opacity": 0.85 };
  if (round(index) === 0) return drawn("circle", { cx: x, cy: y, r: 5, ...looks });
  if (round(index) === 1) return drawn("rect", { x: x - 5, y: y - 5, width: 10, height: 10, ...looks });
  return drawn("path", { d: "M" + (x - 6) + " " + (y + 5) + "h12l-6 -11z", ...looks });
}
function legend(list) {
  const made = element("ul", null, { class: "legend" });
  for (const row of list) {
    const item = element("li");
    const index = agents.indexOf(row.agent), swatch = drawn("svg", { class: "swatch", viewBox: "0 0 34 12", "aria-hidden": "true" });
    swatch.append(drawn("line", { x1: 0, x2: 34, y1: 6, y2: 6, stroke: color(index), "stroke-width": 2, "stroke-dasharray": DASHES[round(index)] }), marker(index, 17, 6));
    item.append(swatch, " " + row.agent + (at("suite").value ? "" : ", " + row.suite) + (row.tasks < row.of_tasks ? " (" + row.tasks + " of " + row.of_tasks + " tasks)" : ""));
    made.append(item);
  }
  return made;
}
function drawProfiles(list) {
  const x = (share) => 60 + 545 * share;
  const svg = axes("success of at least", [0, 0.25, 0.5, 0.75, 1].map((t) => [t, percent(t)]), x, up, "Performance profiles");
  for (const row of list.filter((one) => one.profile)) {
    const index = agents.indexOf(row.agent), last = row.profile.length - 1;
    const path = row.profile.map((share, step) => (step ? "L" : "M") + x(step / last).toFixed(1) + " " + up(share).toFixed(1)).join("");
    const line = drawn("path", { d: path, fill: "none", stroke: color(index), "stroke-width": 2, "stroke-dasharray": DASHES[round(index)] });
    line.append(drawn("title", {}, row.agent + ", " + row.suite));
    svg.append(line);
  }
  at("profile").replaceChildren(svg, legend(list));
}
function drawCosts(list) {
  const cost = COSTS[at("cost").value];
  const logs = list.map((row) => Math.log10(1 + Math.max(0, Number(cost(row)) || 0)));
  const most = Math.max(1, ...logs);
  const x = (value) => 60 + (550 * value) / most;
  const ticks = [];
  for (let power = 0; power <= most; power += 1) ticks.push([power, power ? "10^" + power : "0"]);
  const svg = axes(at("cost").value + ", plus one, in powers of ten", ticks, x, up, "Cost against success");
  list.forEach((row, index) => {
    if (!isNumber(row.success)) return;
    const dot = marker(agents.indexOf(row.agent), x(logs[index]), up(row.success));
    dot.append(drawn("title", {}, row.agent + ", " + row.suite + ": " + percent(row.success)));
    svg.append(dot);
  });
  at("scatter").replaceChildren(svg, legend(list));
}
function drawCourses(list) {
  const learners = list.filter((row) => row.courses.length && at("suite").value);
  const tasks = [...new Set(learners.flatMap((row) => row.courses.slice(1).flatMap((one) => (one ? one.tasks : []))))];
  const before = at("course").value;
  at("course").replaceChildren(element("option", "all that everybody practised", { value: "" }), ...tasks.map((task) => element("option", task, { value: task })));
  at("course").value = tasks.includes(before) ? before : "";
  const one = at("course").value;
  const shown = learners.map((row) => [row, one ? row.courses.slice(1).find((course) => course && course.tasks[0] === one) : row.courses[0]]).filter((pair) => pair[1]);
  if (!shown.length) {
    at("courses").replaceChildren(element("p", at("suite").value ? "Nobody above practised in this suite" : "Choose a suite above"));
    return;
  }
  const log = (steps) => Math.log10(Math.max(1, steps));
  const least = log(Math.min(...shown.map((pair) => pair[1].steps[0]))), most = log(Math.max(...shown.map((pair) => pair[1].steps.at(-1))));
  const x = (power) => 60 + (550 * (power - least)) / Math.max(0.1, most - least);
  const ticks = [];
  for (let power = Math.floor(least); power <= most; power += 1) {
    for (const digit of [1, 2, 5]) if (log(digit * 10 ** power) >= least - 0.02 && log(digit * 10 ** power) <= most + 0.02) ticks.push([log(digit * 10 ** power), (digit * 10 ** power).toLocaleString("en")]);
  }
  const svg = axes("steps in the environment", ticks, x, up, "Learning curves");
  const path = (steps, values) => steps.map((step, index) => x(log(step)).toFixed(1) + " " + up(values[index]).toFixed(1)).join("L");
  for (const [row, course] of shown) {
    const index = agents.indexOf(row.agent), back = [...course.steps].reverse();
    const line = drawn("path", { d: "M" + path(course.steps, course.mean), fill: "none", stroke: color(index), "stroke-width": 2, class: "course" });
    line.append(drawn("title", {}, row.agent + ", " + course.curves + " curves"));
    svg.append(drawn("path", { d: "M" + path(course.steps, course.low) + "L" + path(back, [...course.high].reverse()) + "Z", fill: color(index), "fill-opacity": 0.15 }),
      line, marker(index, x(log(course.steps.at(-1))), up(course.mean.at(-1))));
  }
  const reference = rows.find((row) => row.agent === "concept agent" && row.source === "concept" && row.suite === at("suite").value);
  const same = (reference ? reference.each : []).filter((each) => each.of && shown[0][1].tasks.includes(each.task));
  if (same.length) {
    const level = mean(same.map((each) => each.hits / each.of)), line = drawn("line", { x1: 60, x2: 610, y1: up(level), y2: up(level), stroke: "currentColor", "stroke-width": 2, "stroke-dasharray": "7 4", class: "level" });
    line.append(drawn("title", {}, "concept agent: " + percent(level)));
    svg.append(line);
  }
  at("courses").replaceChildren(svg, legend(shown.map((pair) => pair[0])));
}
function drawAgainst(list) {
  const one = rows.find((row) => row.agent === at("versus").value && row.suite === at("suite").value);
  const top = element("thead"), line = element("tr"), body = element("tbody");
  for (const name of ["Agent", "Its success", "Success of " + at("versus").value, "Better than it in", "Tasks", "Replicates"]) line.append(element("th", name, { scope: "col" }));
  top.append(line);
  for (const other of one ? one.against : []) {
    if (!list.some((row) => row.agent === other.agent)) continue;
    const row = element("tr"), share = element("td", percent(1 - other.improvement));
    if (Array.isArray(other.interval)) share.append(interval([1 - other.interval[1], 1 - other.interval[0]]));
    row.append(element("th", other.agent, { scope: "row" }), element("td", percent(other.theirs)), element("td", percent(other.mine)), share,
      element("td", count(other.tasks)), element("td", count(other.replicates)));
    body.append(row);
  }
  if (!body.children.length) {
    const row = element("tr");
    row.append(element("td", at("suite").value ? at("versus").value + " has nothing in common with those above in this suite" : "Choose a suite above", { colspan: 6 }));
    body.append(row);
  }
  at("against").replaceChildren(top, body);
}
function drawDetails(list) {
  at("details").replaceChildren(...list.map((row) => {
    const box = element("details");
    box.append(element("summary", row.agent + " in " + row.suite + ": " + percent(row.success)));
    if (typeof row.film === "string" && row.film.startsWith("data:image/webp;base64,")) {
      box.append(element("img", null, { src: row.film, alt: "An episode of " + row.agent, loading: "lazy" }));
    }
    box.append(element("pre", row.command + "\n" + row.check), element("pre", JSON.stringify(row.config, null, 1)),
      element("p", "Commit " + row.commit + "; " + count(row.episodes) + " episodes, " + count(row.learning) + " s of learning, " + count(row.acting) + " s of acting."));
    return box;
  }));
}
function draw() {
  const every = chosen(), list = every.filter((row) => !at("suite").value || row.suite === at("suite").value);
  at("count").textContent = list.length + " of " + rows.length + " rows";
  drawGlance(every);
  drawTable(list);
  drawHeat(list);
  drawProfiles(list);
  drawCosts(list);
  drawCourses(list);
  drawAgainst(list);
  drawDetails(list);
}
function options(id, values, every) {
  at(id).append(...(every ? [element("option", every, { value: "" })] : []), ...values.map((value) => element("option", value, { value })));
}
const suites = [...new Set(rows.map((row) => row.suite))].sort();
options("suite", suites, "all suites");
if (suites.length) at("suite").value = suites.find((name) => name.startsWith("particle-5shot")) || suites[0];
options("track", [...new Set(rows.map((row) => row.track))].sort(), "all tracks");
options("cost", Object.keys(COSTS), null);
options("versus", [...agents].sort(), null);
if (agents.includes("concept agent")) at("versus").value = "concept agent";
for (const id of ["suite", "track", "search", "cost", "course", "versus", "common"]) at(id).addEventListener("input", draw);
at("filters").addEventListener("submit", (event) => event.preventDefault());
draw();
