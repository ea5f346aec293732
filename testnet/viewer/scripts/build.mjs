// Builds the page: node scripts/build.mjs [FOLDER]; FOLDER is dist/ by default. Equal sources give equal bytes.
import { build } from 'esbuild';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Settings that all bundles share. */
export const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  charset: 'utf8',
  legalComments: 'none',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  target: ['es2022', 'chrome108', 'firefox113', 'safari16.4'],
  logLevel: 'warning',
};

/** `import source from './x.worker?bundle'`: a worker's whole script as a text, for a Blob's address. A page from file:// has no other way. */
export const workers = {
  name: 'workers',
  setup(builder) {
    builder.onResolve({ filter: /\.worker\?bundle$/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path.replace('?bundle', '.ts')),
      namespace: 'worker',
    }));
    builder.onLoad({ filter: /.*/, namespace: 'worker' }, async ({ path }) => {
      const result = await build({ ...common, entryPoints: [path], format: 'iife', write: false, plugins: [] });
      return { contents: result.outputFiles[0].text, loader: 'text' };
    });
  },
};

/** The notices that the licences of what is in the bundle ask for. */
async function notices() {
  const parts = ['preact', 'uplot'].map(async (name) => {
    const text = await readFile(join(root, 'node_modules', name, 'LICENSE'), 'utf8');
    return `${name}:\n${text.trim()}`;
  });
  return `/*\nParts of this file are the work of others:\n\n${(await Promise.all(parts)).join('\n\n')}\n*/`;
}

/** The markup that gives a page the simulator: dist/simulator.wasm.gz, which `.ci/wasm --renew` makes. */
export async function simulatorMarkup() {
  const bytes = await readFile(join(root, 'dist/simulator.wasm.gz'));
  return `<script type="application/octet-stream" id="simulator">${bytes.toString('base64')}</script>`;
}

/** Writes view.js, view.css and index.html into a folder, and lab.html, which is all of it and the simulator in one file. */
export async function buildPage(folder) {
  await mkdir(folder, { recursive: true });
  for (const name of ['view.js', 'view.css', 'index.html', 'lab.html']) await rm(join(folder, name), { force: true });
  await build({
    ...common,
    entryPoints: [{ in: 'src/main.tsx', out: 'view' }],
    outdir: folder,
    format: 'iife',
    plugins: [workers],
    banner: { js: await notices() },
  });
  await build({ ...common, entryPoints: [{ in: 'src/style/main.css', out: 'view' }], outdir: folder });
  await cp(join(root, 'src/index.html'), join(folder, 'index.html'));
  await writeFile(join(folder, 'lab.html'), await selfContained(folder, [], await simulatorMarkup()));
}

/** What a page of its own is made of: see `selfContained`. */
const MARKS = {
  style: '<link rel="stylesheet" href="view.css">',
  script: '<script src="view.js"></script>',
  sources: '<!-- sources -->',
};

/**
 * One page with everything in it, which works from file://. `timelines`: `{ name, bytes }` each; `more`: further markup (a simulator).
 * testnet/src/view makes the same of the same three marks.
 */
export async function selfContained(folder, timelines, more = '') {
  const [html, css, js] = await Promise.all(['index.html', 'view.css', 'view.js'].map((name) => readFile(join(folder, name), 'utf8')));
  const embedded = timelines.map(({ name, bytes }) => {
    const safe = name.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
    return `<script type="application/octet-stream" class="timeline" data-name="${safe}">${Buffer.from(bytes).toString('base64')}</script>`;
  });
  for (const mark of Object.values(MARKS)) if (!html.includes(mark)) throw new Error(`index.html has no ${mark}`);
  return html
    .replace(MARKS.style, () => `<style>${css}</style>`)
    .replace(MARKS.sources, () => embedded.join('\n') + more)
    .replace(MARKS.script, () => `<script>${js}</script>`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildPage(resolve(process.argv[2] ?? join(root, 'dist')));
}
