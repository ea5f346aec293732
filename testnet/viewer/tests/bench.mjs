// How fast the page is, printed beside the goals: node tests/bench.mjs [FILE]. Without a file, made-up runs are shown. Never a test: figures of
// a machine that others use, too, say little; run it alone.
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { cpus, loadavg } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { launch } from './e2e/browser.mjs';
import { madeUp } from './e2e/timelines.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

/** Goals of the issue. */
const GOALS = { open: 2000, seek: 50, frame: 8, page: 150_000 };

function say(what, value, unit, goal) {
  const shown = `${Number(value.toFixed(value < 100 ? 1 : 0)).toLocaleString('en-GB')} ${unit}`;
  const verdict = goal === undefined ? '' : `   goal ${goal.toLocaleString('en-GB')} ${unit}: ${value <= goal ? 'met' : 'MISSED'}`;
  console.log(`  ${what.padEnd(46)} ${shown.padStart(14)}${verdict}`);
}

/** Serves the page with one timeline, as `tidings-testnet view` does. */
async function serve(bytes) {
  const html = (await readFile(join(dist, 'index.html'), 'utf8')).replace(
    '<!-- sources -->',
    '<script type="application/json" id="sources">[{"name":"bench","url":"/timeline/0"}]</script>',
  );
  const server = createServer(async (request, response) => {
    if (request.url === '/timeline/0') return response.end(bytes);
    const name = request.url === '/' ? '/index.html' : request.url;
    response.setHeader('content-type', TYPES[name.slice(name.lastIndexOf('.'))] ?? 'application/octet-stream');
    response.end(request.url === '/' ? html : await readFile(join(dist, name)).catch(() => ''));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { server, url: `http://127.0.0.1:${server.address().port}/` };
}

const middle = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const high = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))];

/**
 * Opens a timeline and measures. A seek is timed from the press on the scrubber to the end of the frame that shows it, the wait for that frame
 * included (up to 17 ms); the work of a frame from its first callback to its last, with layout and painting as far as the main thread does them.
 */
async function measure(browser, title, bytes, { item }) {
  console.log(`\n${title} (${(bytes.length / 1e6).toFixed(1)} MB)`);
  const { server, url } = await serve(bytes);
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
  const tab = await context.newPage();
  const problems = [];
  tab.on('pageerror', (error) => problems.push(String(error)));
  tab.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  const session = await context.newCDPSession(tab);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  let before = 0;
  /** ms of processor time that the page's main thread took since the last call: what other programs take isn't in it. */
  const thread = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    const now = (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0) * 1000;
    const took = now < before ? now : now - before;
    before = now;
    return took;
  };
  const began = performance.now();
  await tab.goto(`${url}#item=${item}`, { waitUntil: 'commit' });
  await tab.waitForSelector('.scrubber', { timeout: 120_000 });
  await tab.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
  say('open: from asking to the first picture', performance.now() - began, 'ms', GOALS.open);
  say('open: processor time of the page', await thread(), 'ms');
  for (const choice of [`item ${item}`, 'all items']) {
    if (choice === 'all items') await tab.evaluate(() => (location.hash = '#t=1'));
    await tab.waitForTimeout(1500);
    await thread();
    const seeks = await tab.evaluate(seekMany);
    say(`seek, ${choice}: median of ${seeks.length}`, middle(seeks), 'ms', GOALS.seek);
    say(`seek, ${choice}: worst`, Math.max(...seeks), 'ms', GOALS.seek);
    say(`seek, ${choice}: processor time, on average`, (await thread()) / seeks.length, 'ms', GOALS.seek);
    await tab.keyboard.press('Home');
    await thread();
    const { gaps, works } = await tab.evaluate(playing);
    say(`play, ${choice}: processor time of a frame`, (await thread()) / works.length, 'ms', GOALS.frame);
    say(`play, ${choice}: work of the median frame`, middle(works), 'ms', GOALS.frame);
    say(`play, ${choice}: work of 99 % of the frames`, high(works, 0.99), 'ms', GOALS.frame);
    say(`play, ${choice}: frames a second`, 1000 / (gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length), 'fps');
  }
  const heap = await tab.evaluate(() => performance.memory?.usedJSHeapSize ?? 0);
  say('memory of the page (JavaScript heap)', heap / 1e6, 'MB');
  for (const problem of problems.slice(0, 5)) console.log(`  PROBLEM ${problem}`);
  await context.close();
  server.close();
}

/** In the page: presses the scrubber at many places, far apart in turn, and times each until its frame is done. */
async function seekMany() {
  const scrubber = document.querySelector('.scrubber');
  scrubber.setPointerCapture = () => undefined;
  const box = scrubber.getBoundingClientRect();
  const times = [];
  for (let count = 0; count < 60; count++) {
    const place = (count * 0.618_034) % 1;
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 30)));
    const began = performance.now();
    const where = { clientX: box.left + place * box.width, clientY: box.top + 20, button: 0, pointerId: 1, bubbles: true };
    scrubber.dispatchEvent(new PointerEvent('pointerdown', where));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    times.push(performance.now() - began);
  }
  return times;
}

/** In the page: plays for some seconds. Its callback is the first of each frame, since it asks for the next one before anybody else. */
async function playing() {
  const gaps = [];
  const works = [];
  await new Promise((done) => {
    let last;
    const channel = new MessageChannel();
    let began = 0;
    channel.port1.onmessage = () => works.push(performance.now() - began);
    const look = (now) => {
      if (works.length >= 180) return done();
      requestAnimationFrame(look);
      began = performance.now();
      channel.port2.postMessage(null);
      if (last !== undefined) gaps.push(now - last);
      last = now;
    };
    requestAnimationFrame(look);
    document.querySelector('.play').click();
  });
  document.querySelector('.play').click();
  return { gaps, works };
}

const [busy] = loadavg();
if (busy > 0.5) console.log(`Others use this machine, too: on average ${busy.toFixed(1)} programs ran on its ${cpus().length} cores. Times on the clock say little; processor times hold.`);
console.log('page sizes');
let sum = 0;
for (const name of ['index.html', 'view.css', 'view.js']) {
  const bytes = await readFile(join(dist, name));
  const size = gzipSync(bytes, { level: 9 }).length;
  sum += size;
  say(`${name}, gzip (${bytes.length.toLocaleString('en-GB')} B raw)`, size, 'B');
}
say('all without the simulator, gzip', sum, 'B', GOALS.page);
const simulator = await stat(join(dist, 'simulator.wasm.gz')).catch(() => null);
if (simulator !== null) say('with the simulator, gzip', sum + simulator.size, 'B', 500_000);

const browser = await launch();
const [file] = process.argv.slice(2);
if (file !== undefined) await measure(browser, file, await readFile(file), { item: 0 });
else {
  const many = { nodes: 1000, degree: 8, items: 1000, rate: 20, seed: 1, batch: 400_000, title: '1,000 nodes, 8,000 links, 1,000 items' };
  await measure(browser, many.title, await madeUp(many), { item: 500 });
  const large = { nodes: 10_000, degree: 8, items: 1, rate: 1, seed: 1, title: '10,000 nodes, 80,000 links, one item' };
  await measure(browser, large.title, await madeUp(large), { item: 0 });
}
await browser.close();
