// Unit tests: tests/unit/*.test.ts, bundled one by one and run by Node.js' own test runner. Further arguments are handed to it.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const made = join(root, 'made/unit');
rmSync(made, { recursive: true, force: true });
const tests = readdirSync(join(root, 'tests/unit')).filter((name) => name.endsWith('.test.ts'));
await build({
  absWorkingDir: root,
  entryPoints: tests.map((name) => join('tests/unit', name)),
  outdir: made,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  define: { FIXTURES: JSON.stringify(resolve(root, '../timeline/tests/fixtures')) },
  logLevel: 'warning',
});
const files = tests.map((name) => join(made, name.replace(/\.ts$/, '.mjs')));
const { status } = spawnSync(process.execPath, ['--test', ...process.argv.slice(2), ...files], { stdio: 'inherit' });
process.exit(status ?? 1);
