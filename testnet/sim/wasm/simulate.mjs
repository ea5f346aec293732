// Runs the simulator's module: node simulate.mjs MODULE.wasm '{"seed": 11}'
// Prints its figures as JSON. Fails if the module imports anything, or the scenario makes no sense.
import { readFile } from "node:fs/promises";

const [file, scenario] = process.argv.slice(2);
const module = await WebAssembly.compile(await readFile(file));
const imports = WebAssembly.Module.imports(module);
if (imports.length > 0) {
  throw new Error(`the module imports ${imports.map(({ module, name }) => `${module}.${name}`).join(", ")}`);
}
const { exports } = await WebAssembly.instantiate(module);

const input = new TextEncoder().encode(scenario);
const place = exports.tidings_input(input.length);
// The memory may move at every call, so every view of it is a new one.
new Uint8Array(exports.memory.buffer, place, input.length).set(input);
const good = exports.tidings_simulate();
const length = exports.tidings_output_length();
const output = new TextDecoder().decode(new Uint8Array(exports.memory.buffer, exports.tidings_output(), length));
if (!good) {
  throw new Error(output);
}
console.log(output);
