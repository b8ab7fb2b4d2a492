// Draws a form and tells what is typed; what it means is Python's to say (_skin.py).
const AGAIN = 500;   // milliseconds between two looks while something runs
const STYLE = `.sky-skin{display:grid;gap:8px;max-width:640px;font:14px/1.4 system-ui,sans-serif}
.sky-skin label{display:grid;gap:2px}.sky-skin textarea,.sky-skin input:not([type=checkbox]),.sky-skin select
{font:inherit;padding:4px 6px;border:1px solid #8888;border-radius:4px;background:transparent;color:inherit}
.sky-skin option{color:#111;background:#fff}.sky-skin ::placeholder{color:inherit;opacity:.55}
.sky-skin fieldset{display:flex;flex-wrap:wrap;gap:4px 14px;margin:0;padding:0;border:0}
.sky-skin fieldset label{display:flex;gap:5px;align-items:center}
.sky-skin small{opacity:.7}.sky-skin .wrong{color:color-mix(in srgb,#f03a2e 65%,currentColor);opacity:1}.sky-skin .row{display:flex;gap:8px;align-items:center}
.sky-skin input[type=checkbox]{justify-self:start}.sky-skin button{font:inherit;padding:4px 12px;cursor:pointer;border:1px solid #8888;border-radius:4px;background:#8882}
.sky-skin button:disabled{opacity:.5;cursor:default}
.sky-skin details>*{margin-top:8px}`;

function make(tag, more = {}, ...inside) {
  const found = Object.assign(document.createElement(tag), more);
  found.append(...inside);
  return found;
}

function control(field, tell) {
  const text = () => tell(box.value);
  let box;
  if (field.kind === "choice") {
    const options = field.choices.map((label, at) => make("option", { value: at, textContent: label }));
    box = make("select", {}, make("option", { value: "", textContent: field.placeholder || "–" }), ...options);
    box.onchange = () => tell(box.value === "" ? [] : [+box.value]);
  } else if (field.kind === "choices") {
    const ticked = () => tell([...box.querySelectorAll("input")].flatMap((each, at) => (each.checked ? [at] : [])));
    const each = (label) => make("label", {}, make("input", { type: "checkbox", onchange: ticked }), label);
    box = make("fieldset", {}, ...field.choices.map(each));
  } else if (field.kind === "checkbox") {
    box = make("input", { type: "checkbox", onchange: () => tell(box.checked) });
  } else if (["prose", "json", "lines"].includes(field.kind)) {
    box = make("textarea", { rows: 3, dir: "auto", placeholder: field.placeholder, onchange: text });
  } else {
    const type = { secret: "password", slider: "number", number: "number", seed: "number" }[field.kind] || "text";
    box = make("input", { type, dir: "auto", placeholder: field.placeholder, onchange: text });
    if (type === "number") Object.assign(box, { min: field.low ?? "", max: field.high ?? "", step: "any" });
  }
  return box;
}

function show(box, field, shown) {
  if (box === box.getRootNode().activeElement || shown === undefined) return;  // somebody is typing
  if (field.kind === "checkbox") box.checked = shown;
  else if (field.kind === "choice") box.value = shown.length ? shown[0] : "";
  else if (field.kind === "choices") box.querySelectorAll("input").forEach((each, at) => (each.checked = shown.includes(at)));
  else box.value = shown.length > 5000 ? shown.slice(0, 60) + "…" : shown;
}

function render({ model, el }) {
  let timer = 0, looks = 0, result = null;
  const later = () => { timer = timer || setTimeout(look, AGAIN); };
  const soon = (more) => { looks = Math.max(looks, more); later(); };
  function look() {
    timer = 0;
    model.send({ do: "look" });
    if (looks-- > 0 || model.get("view").running) later();
  }
  const rows = model.get("fields").map((field) => {
    const tell = (to) => { model.send({ do: "type", name: field.name, to }); soon(3); };
    const box = control(field, tell), note = make("small");
    const inside = [make("span", { textContent: field.label + (field.required ? " *" : "") }), box];
    if (field.kind === "media") {
      const file = make("input", { type: "file", accept: field.accept });
      file.onchange = () => {
        const reader = new FileReader();
        reader.onload = () => tell(reader.result);
        if (file.files[0]) reader.readAsDataURL(file.files[0]);
      };
      inside.push(file);
    }
    const row = make(field.kind === "choices" ? "div" : "label", {}, ...inside, note);
    return { field, box, note, row };
  });
  const heading = make("strong"), price = make("span"), wrong = make("small", { className: "wrong" });
  const generate = make("button", { textContent: "Generate", onclick: () => { model.send({ do: "generate" }); soon(3); } });
  const cancel = make("button", { textContent: "Cancel", onclick: () => { model.send({ do: "cancel" }); soon(3); } });
  const status = make("span"), made = make("div");
  const rest = rows.filter((each) => each.field.advanced), first = rows.filter((each) => !each.field.advanced);
  const lid = make("details", {}, make("summary", { textContent: `Advanced (${rest.length})` }), ...rest.map((each) => each.row));
  el.append(make("div", { className: "sky-skin" }, make("style", { textContent: STYLE }), heading,
    ...first.map((each) => each.row), ...(rest.length ? [lid] : []),
    make("div", { className: "row" }, generate, cancel, price, status), wrong, made));

  function draw() {
    const view = model.get("view"), shown = model.get("shown");
    heading.textContent = view.title;
    for (const { field, box, note, row } of rows) {
      row.style.display = view.names.includes(field.name) ? "" : "none";
      show(box, field, shown[field.name]);
      note.textContent = view.problems[field.name] || field.help;
      note.className = view.problems[field.name] ? "wrong" : "";
    }
    price.textContent = view.price;
    status.textContent = view.status;
    wrong.textContent = view.problems[""] || view.error;
    generate.disabled = view.running;
    cancel.hidden = !view.running;
    if (view.result !== result) made.innerHTML = result = view.result;
    if (view.running) later();
  }
  model.on("change:view", draw);
  model.on("change:shown", draw);
  draw();
  return () => clearTimeout(timer);
}

export default { render };
