// Screenshots to look at: node scripts/shots.mjs FOLDER. Made-up runs, at 1400 and 390 pixels, dark and light.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { launch } from '../tests/e2e/browser.mjs';
import { madeUp } from '../tests/e2e/timelines.mjs';
import { selfContained } from './build.mjs';

const folder = resolve(process.argv[2] ?? 'made/shots');
await mkdir(folder, { recursive: true });
const page = (timelines) => selfContained(resolve('dist'), timelines);
const push = await madeUp({ nodes: 200, degree: 4, items: 50, rate: 10, seed: 11, faults: true, title: 'Push, 200 nodes, some of them in trouble', strategy: 'push' });
const pull = await madeUp({ nodes: 200, degree: 4, items: 50, rate: 10, seed: 11, slow: 2.5, title: 'Push and pull, 200 nodes', strategy: 'push-pull' });
const large = await madeUp({ nodes: 1000, degree: 8, items: 3, rate: 2, seed: 5, title: '1,000 nodes, 8,000 links' });
await copyFile(resolve('dist/lab.html'), join(folder, 'lab.html'));
const pages = { one: [{ name: 'push', bytes: push }], two: [{ name: 'push', bytes: push }, { name: 'push-pull', bytes: pull }], large: [{ name: 'large', bytes: large }], none: [] };
for (const [name, timelines] of Object.entries(pages)) await writeFile(join(folder, `${name}.html`), await page(timelines));

const LAB = `#t=1072266&node=17&item=0&lab=${encodeURIComponent(JSON.stringify({ seed: 11, network: { nodes: 200 }, link: { model: 'regions' }, workload: { txs: 20, rate: 4 } }))}`;
const shots = [
  ['one-dark', 'one', 1400, 'dark', ''],
  ['one-node', 'one', 1400, 'light', '#t=2050000&item=12&node=42'],
  ['one-map', 'one', 1400, 'dark', '#t=2050000&item=12&layout=map&colour=state&span=item'],
  ['one-arrival', 'one', 1400, 'dark', '#t=1950000&item=12&layout=arrival&span=item&node=17'],
  ['one-all', 'one', 1400, 'light', '#t=3000000'],
  ['large', 'large', 1400, 'dark', ''],
  ['large-arrival', 'large', 1400, 'light', '#t=750000&item=0&layout=arrival'],
  ['two', 'two', 1400, 'light', ''],
  ['help', 'one', 1400, 'dark', '', '?'],
  ['table', 'one', 1400, 'dark', '#t=2450000&item=12&node=17', '@Table'],
  ['zoomed', 'one', 1400, 'light', '#t=2350000&item=12&node=17&span=item', 'Tab'],
  ['none', 'none', 1400, 'light', ''],
  ['phone', 'one', 390, 'dark', '#t=2050000&item=12&node=42'],
  ['phone-light', 'two', 390, 'light', ''],
  ['lab', 'lab', 1400, 'dark', LAB, '@WRITE'],
  ['lab-light', 'lab', 1400, 'light', LAB, '@Kill'],
  ['phone-lab', 'lab', 390, 'light', LAB, '@WRITE'],
  ['phone-none', 'none', 390, 'dark', ''],
];
const browser = await launch();
const only = process.argv.slice(3);
for (const [name, file, width, colorScheme, hash, keys] of shots) {
  if (only.length > 0 && !only.includes(name)) continue;
  const context = await browser.newContext({ viewport: { width, height: width < 500 ? 844 : 900 }, colorScheme });
  const tab = await context.newPage();
  tab.on('console', (message) => console.log(name, message.type(), message.text()));
  tab.on('pageerror', (error) => console.log(name, error));
  await tab.goto(pathToFileURL(join(folder, `${file}.html`)).href + hash);
  await tab.waitForTimeout(file === 'lab' ? 4000 : 1200);
  if (keys !== undefined) for (const key of keys.split(' ')) await (key.startsWith('@') ? tab.getByRole('button', { name: key.slice(1), exact: true }).first().click() : tab.keyboard.press(key));
  if (keys !== undefined) await tab.waitForTimeout(file === 'lab' ? 4000 : 900);
  await tab.screenshot({ path: join(folder, `${name}.png`), fullPage: width < 500 });
  await context.close();
}
await browser.close();
