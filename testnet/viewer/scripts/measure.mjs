// How quick the page is: node scripts/measure.mjs [--small]. Opens large runs in a browser, seeks, plays, and prints times beside their bounds.
// It fails if a bound is broken; times are those of the machine that it runs on.
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { launch } from '../tests/e2e/browser.mjs';
import { madeLarge, madeUp } from '../tests/e2e/timelines.mjs';
import { selfContained } from './build.mjs';

const isSmall = process.argv.includes('--small');
const copies = isSmall ? 5 : 50;
const runs = [
  {
    name: `1,000 nodes, 8,000 links, ${20 * copies} items`,
    make: () => madeLarge({ nodes: 1000, degree: 8, items: 20, rate: 20, seed: 5, copies, everyUs: 1e6, announced: 0.2 }),
    openMs: 2000, seekMs: 50, frameMs: 8,
  },
  { name: '10,000 nodes, 1 item', make: () => madeUp({ nodes: 10_000, degree: 8, items: 1, rate: 1, seed: 6 }), openMs: 2000, seekMs: 50, frameMs: 33 },
];
const SEEKS = 40;

const folder = await mkdtemp(join(tmpdir(), 'tidings-measure-'));
const browser = await launch();
let isBroken = false;
const row = (what, value, bound) => {
  if (value > bound) isBroken = true;
  console.log(`  ${what.padEnd(46)} ${value.toFixed(1).padStart(8)} ms   at most ${bound} ms${value > bound ? '   BROKEN' : ''}`);
};
const quantile = (all, share) => [...all].sort((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * share))];

try {
  for (const { name, make, openMs, seekMs, frameMs } of runs) {
    const bytes = await make();
    const path = join(folder, 'page.html');
    await writeFile(path, await selfContained(resolve('dist'), []));
    const file = join(folder, 'run.tdt');
    await writeFile(file, bytes);
    const tab = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    await tab.goto(pathToFileURL(path).href);
    await tab.evaluate(() => {
      // From the file's choice to the first frame that shows it.
      const input = document.querySelector('input[type=file]');
      input.addEventListener('change', () => (window.began = performance.now()), true);
      const look = () => (document.querySelector('.graph canvas') ? requestAnimationFrame(() => (window.shown = performance.now())) : requestAnimationFrame(look));
      look();
    });
    await tab.locator('input[type=file]').first().setInputFiles(file);
    await tab.waitForFunction(() => window.shown !== undefined, null, { timeout: 60_000 });
    const opened = await tab.evaluate(() => window.shown - window.began);
    const [run] = await tab.evaluate(() => window.tidings.runs());
    const events = run.messages + run.items * run.nodes;
    console.log(`${name}: ${run.messages.toLocaleString('en')} messages, ${((await stat(file)).size / 1e6).toFixed(1)} MB, ${(bytes.length / events).toFixed(1)} bytes an event`);
    row('open a file, to the first picture', opened, openMs);
    for (const [what, patch] of [['an item', {}], ['all items', { item: null, span: 'run' }]]) {
      const times = await tab.evaluate(
        async ([patch, seeks]) => {
          window.tidings.set(patch);
          const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
          const end = Number(document.querySelector('[role=slider]').getAttribute('aria-valuemax'));
          const times = [];
          await frame();
          for (let seek = 0; seek < seeks; seek++) {
            await new Promise((done) => setTimeout(done, 5));
            const place = (seek * 0.618034) % 1;
            const frameBegins = new Promise((done) => requestAnimationFrame(() => done(performance.now())));
            const began = performance.now();
            window.tidings.set({ t: end * place });
            const spent = performance.now() - began;
            await frameBegins;
            window.tidings.takeFrames();
            await frame();
            const painted = window.tidings.takeFrames();
            times.push(spent + Math.max(0, ...painted));
          }
          return times;
        },
        [patch, SEEKS],
      );
      row(`a seek, ${what}: the slowest of ${SEEKS}`, Math.max(...times), seekMs);
      await tab.evaluate(() => {
        window.tidings.set({ t: 0 });
        window.tidings.takeFrames();
      });
      await tab.evaluate(() => document.activeElement?.blur());
      await tab.keyboard.press(' ');
      await tab.waitForTimeout(300);
      await tab.evaluate(() => window.tidings.takeFrames());
      await tab.waitForTimeout(2000);
      const frames = await tab.evaluate(() => window.tidings.takeFrames());
      row(`a frame while it plays, ${what}: 95 % of ${frames.length}`, quantile(frames, 0.95), frameMs);
      console.log(`  frames a second, ${what}${' '.repeat(Math.max(1, 29 - what.length))} ${String(Math.round(frames.length / 2)).padStart(6)}`);
      await tab.evaluate(() => window.tidings.set({ playing: false }));
    }
    await tab.close();
  }
} finally {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
}
process.exit(isBroken ? 1 : 0);
