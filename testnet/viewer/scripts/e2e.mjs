// Tests in a browser: tests/e2e/*.test.mjs by Node.js' own test runner, against dist/. Skipped with a sentence where there is no Chromium.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findChromium } from '../tests/e2e/browser.mjs';

if (findChromium() === null) {
  console.log('Skipped: there is no Chromium to drive (Debian: chromium; or name one in CHROMIUM).');
  process.exit(0);
}
const folder = resolve(dirname(fileURLToPath(import.meta.url)), '../tests/e2e');
const files = readdirSync(folder).filter((name) => name.endsWith('.test.mjs')).map((name) => join(folder, name));
const { status } = spawnSync(process.execPath, ['--test', '--test-concurrency=1', ...process.argv.slice(2), ...files], { stdio: 'inherit' });
process.exit(status ?? 1);
