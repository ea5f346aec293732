// The laboratory as somebody uses it: a network simulated in the tab, from file://, and what is done to it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { launch } from './browser.mjs';
import { checkAccess, checkWidth, onPage, openPage, state, until, WIDTHS } from './page.mjs';

const page = pathToFileURL(resolve(dirname(fileURLToPath(import.meta.url)), '../../dist/lab.html')).href;
/** Small, so that each run takes a moment. */
const SMALL = { seed: 11, network: { nodes: 60 }, link: { model: 'regions' }, workload: { txs: 6, rate: 4 } };
const linkTo = (scenario) => `${page}#lab=${encodeURIComponent(JSON.stringify(scenario))}`;

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const on = (address, options, does) => onPage(browser, address, options, does);

const runs = (tab, count) => until(tab, (wanted) => window.tidings.runs().length === wanted, count);
const hash = (tab) => tab.locator('.hash').innerText();
const button = (tab, name) => tab.getByRole('button', { name, exact: true });
/** What the shown run says of its fork, in the node's card. */
const said = (tab) => tab.locator('.deeds .fork').innerText();

for (const width of WIDTHS) {
  test(`at ${width} pixels: a network is simulated in the tab, and WRITE makes a second future`, () =>
    on(page, { width }, async (tab) => {
      await tab.getByRole('button', { name: 'Simulate a network in this tab' }).click();
      await tab.getByRole('spinbutton', { name: 'Nodes' }).fill('60');
      await tab.getByRole('spinbutton', { name: 'Transactions' }).fill('6');
      await checkAccess(tab, 'the form');
      await button(tab, 'Run').click();
      await runs(tab, 1);
      const first = await hash(tab);
      assert.match(first, /^[0-9a-f]{16}$/);
      await tab.getByText(/tidings-testnet sim --seed 11 --nodes 60 /).waitFor();
      await tab.evaluate(() => window.tidings.set({ node: 17 }));
      const { t } = await state(tab);
      await button(tab, 'WRITE').click();
      await runs(tab, 2);
      assert.notEqual(await hash(tab), first);
      const after = await state(tab);
      assert.deepEqual([after.shown, after.beside, after.node], [1, 0, 17]);
      assert.ok(Math.abs(after.t - t) <= 1, 'it stands where it forked');
      const sentences = await said(tab);
      assert.match(sentences, /both futures are the same, in all [\d,]+ messages/);
      assert.match(sentences, new RegExp(`The new transaction, item ${after.item}, reaches 50 %`));
      assert.equal((await tab.evaluate(() => window.tidings.runs().map(({ items }) => items))).join(), '6,7');
      await checkWidth(tab, 'two futures');
      await checkAccess(tab, 'two futures');
      await tab.locator('.deeds').getByRole('button', { name: 'Undo' }).click();
      await runs(tab, 1);
      assert.equal(await hash(tab), first);
    }));
}

test('a node is killed and revived, and a link is cut and mended', () =>
  on(linkTo(SMALL), {}, async (tab) => {
    await tab.evaluate(() => window.tidings.set({ node: 5, t: 1_300_000 }));
    await button(tab, 'Kill').click();
    await runs(tab, 2);
    await tab.getByText(/is down, 0 links/).waitFor({ timeout: 5_000 });
    await tab.evaluate(() => window.tidings.set({ t: 1_900_000 }));
    await button(tab, 'Revive').click();
    await runs(tab, 3);
    await tab.evaluate(() => window.tidings.set({ t: 2_900_000 }));
    await tab.getByText(/runs, [1-9]\d* links/).waitFor();
    assert.match(await said(tab), /both futures are the same/);
    const other = Number(await tab.locator('.deeds select').inputValue());
    await button(tab, 'Cut').click();
    await runs(tab, 4);
    await tab.evaluate(() => window.tidings.set({ t: 3_200_000 }));
    await tab.locator('.deeds select').selectOption(String(other));
    await button(tab, 'Mend').click();
    await runs(tab, 5);
    await tab.getByText(`mend 5–${other}, 3.200 s`).first().waitFor();
  }));

test('a liar is made, and made honest; a node is slowed, and stopped', () =>
  on(linkTo(SMALL), {}, async (tab) => {
    await tab.evaluate(() => window.tidings.set({ node: 9, t: 1_400_000 }));
    await button(tab, 'Make it lie').click();
    await runs(tab, 2);
    await tab.getByText(/^lies, /).waitFor();
    await tab.evaluate(() => window.tidings.set({ t: 1_800_000 }));
    await button(tab, 'Make it honest').click();
    await runs(tab, 3);
    await button(tab, 'Slow by 500 ms').click();
    await runs(tab, 4);
    await tab.getByText(/^is slow, /).waitFor();
    await button(tab, 'Pause 2 s').click();
    await runs(tab, 5);
    await tab.getByText(/^is paused, /).waitFor();
    await button(tab, 'Close this run').click();
    await runs(tab, 4);
  }));

test('the address replays what is shown, to the last event', () =>
  on(linkTo(SMALL), {}, async (tab) => {
    const first = await hash(tab);
    await tab.evaluate(() => window.tidings.set({ node: 5, t: 1_300_000 }));
    await button(tab, 'Kill').click();
    await runs(tab, 2);
    const killed = await hash(tab);
    assert.notEqual(killed, first);
    await until(tab, () => location.hash.includes('crash') && location.hash.includes('node=5'));
    const address = await tab.evaluate(() => location.href);
    const second = await openPage(browser, address);
    assert.equal(await hash(second.tab), killed);
    assert.equal((await state(second.tab)).node, 5);
    assert.deepEqual(second.faults, []);
    await second.close();
  }));

test('what makes no sense is told in a sentence, and a run can be stopped', () =>
  on(linkTo({ network: { nodes: 20_000 } }), {}, async (tab) => {
    await tab.getByRole('alert').getByText('a tab takes at most 10000').waitFor();
    await tab.evaluate(() => (location.hash = '#lab=%7B'));
    await tab.getByRole('alert').getByText('can’t be read').waitFor();
    await tab.getByRole('combobox', { name: 'Scenario' }).selectOption('first');
    await tab.getByRole('spinbutton', { name: 'Nodes' }).fill('2000');
    await tab.getByRole('spinbutton', { name: 'Transactions' }).fill('500');
    await button(tab, 'Run').click();
    await tab.getByText(/s simulated/).waitFor();
    await button(tab, 'Stop').click();
    await tab.getByRole('alert').getByText('Stopped.').waitFor();
    await tab.getByRole('spinbutton', { name: 'Nodes' }).fill('60');
    await tab.getByRole('spinbutton', { name: 'Transactions' }).fill('5');
    await button(tab, 'Run').click();
    await runs(tab, 1);
  }));
