// The page as tidings-testnet view serves it, and writes it: the program is TIDINGS_TESTNET, or what cargo built here. Skipped where there is none.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { launch } from './browser.mjs';
import { openPage } from './page.mjs';
import { madeUp } from './timelines.mjs';

const target = process.env.CARGO_TARGET_DIR ?? resolve(dirname(fileURLToPath(import.meta.url)), '../../../../target');
const programs = [process.env.TIDINGS_TESTNET, join(target, 'release/tidings-testnet'), join(target, 'debug/tidings-testnet')];
const program = programs.find((path) => path && existsSync(path));
const skip = program === undefined ? 'there is no tidings-testnet: build it, or name it in TIDINGS_TESTNET' : false;

let browser;
let folder;
before(async () => {
  if (skip) return;
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), 'tidings-view-'));
  const wish = { nodes: 30, degree: 3, items: 10, rate: 20, seed: 4 };
  await writeFile(join(folder, 'push.tdt'), await madeUp({ ...wish, strategy: 'push' }));
  await writeFile(join(folder, 'pull.tdt'), await madeUp({ ...wish, slow: 3, strategy: 'pull' }));
});
after(() => browser?.close());

/** Opens a page, and checks that both runs are there and nothing was complained of. */
async function look(address) {
  const { tab, faults, close } = await openPage(browser, address);
  assert.deepEqual(await tab.evaluate(() => window.tidings.runs().length), 2);
  await tab.locator('section[aria-labelledby="compare"]').scrollIntoViewIfNeeded();
  await tab.getByText('All runs have the same seed').waitFor();
  await tab.locator('section[aria-labelledby="coverage"] .u-over').first().waitFor();
  await tab.getByRole('button', { name: 'Play (space)' }).click();
  assert.deepEqual(faults, []);
  await close();
}

test('two runs are served, and their page keeps to its policy', { skip }, async () => {
  const server = spawn(program, ['view', 'push.tdt', 'pull.tdt'], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [address] = await once(createInterface({ input: server.stdout }), 'line');
    await look(address);
  } finally {
    server.kill('SIGINT');
  }
  const [code] = await once(server, 'exit');
  assert.equal(code, 0);
});

test('two runs are in one file, which works from file://', { skip }, async () => {
  execFileSync(program, ['view', 'push.tdt', 'pull.tdt', '--html', 'both.html'], { cwd: folder, stdio: 'ignore' });
  await look(pathToFileURL(join(folder, 'both.html')).href);
});

test('a run folder has no messages, and the page says so', { skip }, async () => {
  execFileSync(program, ['sim', '--nodes', '10', '--txs', '3', '--out', 'run'], { cwd: folder, stdio: 'ignore' });
  execFileSync(program, ['view', 'run', '--html', 'run.html'], { cwd: folder, stdio: 'ignore' });
  const { tab, faults, close } = await openPage(browser, pathToFileURL(join(folder, 'run.html')).href);
  for (const id of ['redundancy', 'traffic']) {
    await tab.locator(`#${id}`).scrollIntoViewIfNeeded();
    await tab.locator(`section[aria-labelledby="${id}"]`).getByText('No messages were recorded').waitFor();
  }
  await tab.locator('#coverage').scrollIntoViewIfNeeded();
  await tab.locator('section[aria-labelledby="coverage"] .u-over').first().waitFor();
  assert.deepEqual(faults, []);
  await close();
});

test('a run of the program is forked in the served page, and the program gives the same event hash for the fork', { skip }, async () => {
  const flags = ['--nodes', '40', '--txs', '5', '--rate', '4', '--seed', '7'];
  execFileSync(program, ['sim', ...flags, '--trace', 'native.tdt'], { cwd: folder, stdio: 'ignore' });
  const server = spawn(program, ['view', 'native.tdt'], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [address] = await once(createInterface({ input: server.stdout }), 'line');
    const { tab, faults, close } = await openPage(browser, address);
    await tab.evaluate(() => window.tidings.set({ node: 9, t: 1_400_000, lab: true }));
    await tab.getByRole('button', { name: 'Kill', exact: true }).click();
    await tab.waitForFunction(() => window.tidings.runs().length === 2);
    const hash = await tab.locator('.hash').innerText();
    assert.match(await tab.locator('.deeds .fork').innerText(), /both futures are the same/);
    assert.deepEqual(faults, [], 'the policy lets the simulator run');
    await close();
    const native = execFileSync(program, ['sim', ...flags, '--fault', 'crash:nodes=9,at_s=0.4', '--json'], { cwd: folder }).toString();
    assert.equal(/"event_hash": *"([0-9a-f]+)"/.exec(native)[1], hash);
  } finally {
    server.kill('SIGINT');
  }
});
