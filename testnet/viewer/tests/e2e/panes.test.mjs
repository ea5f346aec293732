// The charts as somebody uses them: strategies side by side, the story of a late node, bytes and faults.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './browser.mjs';
import { checkAccess, checkWidth, onPage, state, until, WIDTHS, writePage } from './page.mjs';
import { madeUp } from './timelines.mjs';

let browser;
let two;
before(async () => {
  browser = await launch();
  const wish = { nodes: 60, degree: 4, items: 30, rate: 20, seed: 11 };
  const push = await madeUp({ ...wish, faults: true, title: 'Push, 60 nodes', strategy: 'push' });
  const pull = await madeUp({ ...wish, slow: 3, title: 'Pull, 60 nodes', strategy: 'pull' });
  two = await writePage([{ name: 'push', bytes: push }, { name: 'pull', bytes: pull }]);
});
after(() => browser?.close());

const on = (options, does) => onPage(browser, two, options, does);

const card = (tab, id) => tab.locator(`section[aria-labelledby="${id}"]`);

for (const width of WIDTHS) {
  test(`at ${width} pixels: two strategies stand side by side, and the tail is one click`, () =>
    on({ width }, async (tab) => {
      const rows = card(tab, 'compare').locator('tbody tr');
      await rows.nth(1).scrollIntoViewIfNeeded();
      await until(tab, () => !document.querySelector('.compare tbody').textContent.includes('…'));
      assert.equal(await rows.count(), 2);
      assert.match(await rows.nth(1).innerText(), /pull[\s\S]*s[\s\S]*MB/);
      await tab.getByText('All runs have the same seed').waitFor();
      const coverage = card(tab, 'coverage');
      await coverage.scrollIntoViewIfNeeded();
      await coverage.getByRole('img', { name: /pull: 50 % after/ }).waitFor();
      await coverage.getByRole('button', { name: 'Lacks it' }).click();
      await coverage.getByText('still lack it').waitFor();
      await checkWidth(tab, 'two runs');
    }));

  test(`at ${width} pixels: a late node's story is told in sentences, and its steps lead to their moments`, () =>
    on({ width }, async (tab) => {
      await tab.evaluate(() => window.tidings.set({ item: 7 }));
      const slowest = card(tab, 'slowest');
      await slowest.scrollIntoViewIfNeeded();
      await slowest.locator('summary').first().click();
      await slowest.getByText('In short:').waitFor();
      const step = slowest.locator('.story li').first();
      assert.match(await step.innerText(), /\+[\d,]+\.\d ms/);
      const { t } = await state(tab);
      await step.getByRole('button').click();
      await until(tab, (before) => window.tidings.state().t !== before, t);
      await slowest.getByRole('button', { name: /in the graph/ }).click();
      assert.notEqual((await state(tab)).node, null);
      await checkAccess(tab, 'a story');
    }));
}

test('charts share their cursor: what one is pointed at, the other tells, too', () =>
  on({}, async (tab) => {
    await card(tab, 'coverage').scrollIntoViewIfNeeded();
    await card(tab, 'latency').locator('.plot .u-over').waitFor();
    await card(tab, 'coverage').getByRole('img').focus();
    for (let press = 0; press < 40; press++) await tab.keyboard.press('ArrowRight');
    await card(tab, 'coverage').getByText(/^at /).waitFor();
    await card(tab, 'latency').getByText(/^at /).waitFor();
    const values = await card(tab, 'coverage').locator('.legend strong').allInnerTexts();
    assert.equal(values.length, 2);
    assert.notEqual(values[0], values[1], 'strategies differ there');
  }));

test('a run is left out of the charts, and another is shown in the graph', () =>
  on({}, async (tab) => {
    const compare = card(tab, 'compare');
    await compare.scrollIntoViewIfNeeded();
    await compare.getByRole('checkbox', { name: /pull/ }).uncheck();
    await card(tab, 'coverage').scrollIntoViewIfNeeded();
    await until(tab, () => document.querySelectorAll('section[aria-labelledby=coverage] .legend svg').length === 1);
    await compare.getByRole('radio', { name: /pull/ }).check();
    assert.equal((await state(tab)).shown, 1);
    await tab.getByRole('heading', { level: 1, name: 'Pull, 60 nodes' }).waitFor();
  }));

test('with an item chosen, a click into its curve goes to that moment', () =>
  on({}, async (tab) => {
    await tab.evaluate(() => window.tidings.set({ item: 7, t: 0 }));
    const plot = card(tab, 'coverage').locator('.u-over');
    await plot.click({ position: { x: 200, y: 40 } });
    await until(tab, () => window.tidings.state().t > 0);
  }));

test('bytes are read by keyboard, and a node is chosen by Enter', () =>
  on({}, async (tab) => {
    const traffic = card(tab, 'traffic');
    await traffic.scrollIntoViewIfNeeded();
    await traffic.getByRole('img').focus();
    await tab.keyboard.press('ArrowRight');
    await tab.keyboard.press('ArrowDown');
    assert.match(await traffic.getByRole('status').innerText(), /node \d+.*2\. by bytes: .* in all/);
    await tab.keyboard.press('Enter');
    assert.notEqual((await state(tab)).node, null);
    assert.ok((await traffic.locator('tbody tr').count()) >= 4);
  }));

test('the fault lane names who was killed, and goes there', () =>
  on({}, async (tab) => {
    await tab.evaluate(() => window.tidings.set({ span: 'run' }));
    const killed = tab.getByRole('button', { name: /^kill from .* nodes are killed/ });
    await killed.click();
    const t = await tab.evaluate(() => window.tidings.state().t);
    assert.ok(t > 0);
    await tab.evaluate(() => window.tidings.set({ t: 0 }));
    await killed.focus();
    await tab.keyboard.press('Enter');
    assert.equal((await state(tab)).t, t);
  }));
