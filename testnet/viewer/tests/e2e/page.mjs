// A page under test: opened from file://, with everything that went wrong on it.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { selfContained } from '../../scripts/build.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** Widths that every test is made at. */
export const WIDTHS = [1400, 390];

/** A self-contained page with timelines in it: its address. `more` is further markup (a simulator). */
export async function writePage(timelines, more = '') {
  const folder = await mkdtemp(join(tmpdir(), 'tidings-viewer-'));
  const path = join(folder, 'view.html');
  await writeFile(path, await selfContained(join(root, 'dist'), timelines, more));
  return pathToFileURL(path).href;
}

/** Opens an address; gives the tab and what was complained of (`faults`, which must stay empty). */
export async function openPage(browser, address, { width = 1400, dark = false, still = false } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: width < 500 ? 844 : 900 },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: still ? 'reduce' : 'no-preference',
    hasTouch: width < 500,
  });
  const tab = await context.newPage();
  const faults = [];
  tab.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(`${message.type()}: ${message.text()}`);
  });
  tab.on('pageerror', (error) => faults.push(String(error)));
  await tab.goto(address);
  await tab.evaluate(() => window.tidings.opened);
  return { tab, faults, close: () => context.close() };
}

/** What the page's state is. */
export const state = (tab) => tab.evaluate(() => window.tidings.state());

/** Waits until `holds` (run in the page, with `argument`) is true. */
export const until = (tab, holds, argument) => tab.waitForFunction(holds, argument, { timeout: 20_000 });

/** Fails if axe-core finds a serious fault. */
export async function checkAccess(tab, what) {
  await tab.evaluate(await readFile(axe, 'utf8'));
  const { violations } = await tab.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const words = serious.map(({ id, help, nodes }) => `${id}: ${help}\n    ${nodes.slice(0, 4).map((node) => `${node.target} ${node.failureSummary}`).join('\n    ')}`);
  assert.deepEqual(words, [], `axe-core on ${what}`);
}

/** Fails if the page is wider than its window. */
export async function checkWidth(tab, what) {
  const { page, window: wide } = await tab.evaluate(() => ({ page: document.documentElement.scrollWidth, window: innerWidth }));
  assert.ok(page <= wide, `${what}: the page is ${page} pixels wide in a window of ${wide}`);
}

/** Runs `does` on an address, and checks that nothing was complained of. */
export async function onPage(browser, address, options, does) {
  const { tab, faults, close } = await openPage(browser, address, options);
  try {
    await does(tab);
    assert.deepEqual(faults, []);
  } finally {
    await close();
  }
}
