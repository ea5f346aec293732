// Made-up timelines for tests in a browser: the generator of tests/generator, bundled for Node.js.
import { build } from 'esbuild';
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
let generator;

async function load() {
  const outfile = join(root, 'made/generator.mjs');
  await mkdir(dirname(outfile), { recursive: true });
  const entry = "export { encode } from './tests/generator/encode'; export { flood } from './tests/generator/flood';";
  await build({ stdin: { contents: entry, resolveDir: root, loader: 'ts' }, outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'warning' });
  return import(pathToFileURL(outfile).href);
}

/** The file of a made-up run; `wish` is that of tests/generator/flood.ts. */
export async function madeUp(wish) {
  generator ??= load();
  const { encode, flood } = await generator;
  return encode(flood(wish));
}
