// Runs the simulator's module: node simulate.mjs MODULE.wasm[.gz] '{"seed": 11}'
// Prints its figures as JSON, with what it took. Fails if the module imports anything, the scenario makes no sense, or a run in pieces,
// which is recorded, isn't the run at once.
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";

const [file, scenario] = process.argv.slice(2);
const bytes = await readFile(file);
const module = await WebAssembly.compile(file.endsWith(".gz") ? gunzipSync(bytes) : bytes);
const imports = WebAssembly.Module.imports(module);
if (imports.length > 0) {
  throw new Error(`the module imports ${imports.map(({ module, name }) => `${module}.${name}`).join(", ")}`);
}
const { exports } = await WebAssembly.instantiate(module);

// The memory may move at every call, so every view of it is a new one.
const view = (at, length) => new Uint8Array(exports.memory.buffer, at >>> 0, length >>> 0);
const output = () => new TextDecoder().decode(view(exports.tidings_output(), exports.tidings_output_length()));
const hand = () => {
  const input = new TextEncoder().encode(scenario);
  const place = exports.tidings_input(input.length);
  view(place, input.length).set(input);
};
const need = (good) => {
  if (!good) throw new Error(output());
};

hand();
const began = performance.now();
need(exports.tidings_begin());
while (exports.tidings_advance(20_000));
const { simulated_s } = JSON.parse(output());
const simulated = performance.now();
need(exports.tidings_finish());
const ended = performance.now();
const pieces = output();
const timeline = exports.tidings_timeline_length();
const memory = exports.memory.buffer.byteLength;

hand();
need(exports.tidings_simulate());
if (output() !== pieces) {
  throw new Error(`in pieces it is ${pieces}, and at once ${output()}`);
}
const seconds = (from, to) => Number(((to - from) / 1000).toFixed(2));
console.log(JSON.stringify({
  ...JSON.parse(pieces),
  simulated_s,
  took_s: seconds(began, ended),
  of_which_written_s: seconds(simulated, ended),
  times_real_time: Number(((simulated_s * 1000) / (ended - began)).toFixed(1)),
  timeline_bytes: timeline,
  memory_bytes: memory,
}));
