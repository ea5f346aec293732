// The page as somebody uses it: opens, plays, scrubs, finds, chooses; from file://, wide and narrow, dark and light.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './browser.mjs';
import { checkAccess, checkWidth, onPage, state, until, WIDTHS, writePage } from './page.mjs';
import { madeUp } from './timelines.mjs';

let browser;
let one;
let two;
let none;
before(async () => {
  browser = await launch();
  const push = await madeUp({ nodes: 60, degree: 4, items: 30, rate: 20, seed: 11, faults: true, title: 'Push, 60 nodes', strategy: 'push' });
  const pull = await madeUp({ nodes: 60, degree: 4, items: 30, rate: 20, seed: 11, slow: 3, title: 'Pull, 60 nodes', strategy: 'pull' });
  one = await writePage([{ name: 'push', bytes: push }]);
  two = await writePage([{ name: 'push', bytes: push }, { name: 'pull', bytes: pull }]);
  none = await writePage([]);
});
after(() => browser?.close());

const on = (address, options, does) => onPage(browser, address, options, does);

for (const width of WIDTHS) {
  test(`at ${width} pixels: it opens with a wave half-way, and plays`, () =>
    on(one, { width }, async (tab) => {
      const first = await state(tab);
      assert.notEqual(first.item, null);
      assert.match(await tab.locator('.share').innerText(), /5\d %|50 %/);
      await tab.getByRole('button', { name: 'Play (space)' }).click();
      await until(tab, (t) => window.tidings.state().t > t, first.t);
      await tab.getByRole('button', { name: 'Pause (space)' }).click();
      assert.equal((await state(tab)).playing, false);
      await checkWidth(tab, 'one run');
    }));

  test(`at ${width} pixels: back to the start and forward again is the same`, () =>
    on(one, { width }, async (tab) => {
      const slider = tab.getByRole('slider', { name: /Moment/ });
      const box = await slider.boundingBox();
      const at = async (part) => {
        await tab.mouse.move(box.x + box.width * part, box.y + 20);
        return tab.evaluate(() => [window.tidings.state().t, window.tidings.digest()]);
      };
      await tab.mouse.move(box.x + box.width * 0.1, box.y + 20);
      await tab.mouse.down();
      const places = [0.1, 0.25, 0.4, 0.55, 0.7, 0.85];
      const forwards = [];
      for (const place of places) forwards.push(await at(place));
      const backwards = [];
      for (const place of [...places].reverse()) backwards.unshift(await at(place));
      const start = await at(0);
      const again = [];
      for (const place of places) again.push(await at(place));
      await tab.mouse.up();
      assert.deepEqual(backwards, forwards);
      assert.deepEqual(again, forwards);
      assert.equal(new Set(forwards.map(([, digest]) => digest)).size, places.length, 'moments differ');
      assert.ok(start[0] < forwards[0][0]);
    }));

  test(`at ${width} pixels: a node and an item are found and chosen`, () =>
    on(one, { width }, async (tab) => {
      const field = tab.getByRole('combobox', { name: /Find/ });
      await field.fill('node 17');
      await field.press('Enter');
      assert.equal((await state(tab)).node, 17);
      await tab.getByRole('heading', { name: /node 17/ }).waitFor();
      const hash = (await tab.locator('.facts code').innerText()).slice(0, 6);
      const { item } = await state(tab);
      await tab.keyboard.press('n');
      assert.notEqual((await state(tab)).item, item);
      await field.fill(hash);
      await field.press('Enter');
      assert.equal((await state(tab)).item, item);
      await field.fill('europe');
      await tab.getByRole('option').nth(1).click();
      assert.notEqual((await state(tab)).node, 17);
      await field.fill('no such thing');
      await tab.getByText('Nothing has this number').waitFor();
    }));

  for (const dark of [false, true]) {
    test(`at ${width} pixels, ${dark ? 'dark' : 'light'}: axe-core finds nothing serious`, () =>
      on(two, { width, dark }, async (tab) => {
        await tab.evaluate(() => window.tidings.set({ node: 12 }));
        await tab.getByRole('heading', { name: /node 12/ }).waitFor();
        await checkAccess(tab, 'two runs and a node');
        await tab.getByRole('button', { name: 'Table', exact: true }).first().click();
        await tab.evaluate(() => window.tidings.set({ colouring: 'state', layout: 'arrival' }));
        await checkAccess(tab, 'its table');
        await tab.keyboard.press('?');
        await checkAccess(tab, 'the keys');
        await checkWidth(tab, 'two runs');
      }));
  }

  test(`at ${width} pixels: without a timeline it says how to get one`, () =>
    on(none, { width }, async (tab) => {
      await tab.getByText('tidings-testnet sim').waitFor();
      await checkAccess(tab, 'the page without a run');
      await checkWidth(tab, 'no run');
    }));
}

test('a click on a node chooses it, and a click beside it none', () =>
  on(one, {}, async (tab) => {
    const box = await tab.locator('.graph canvas').nth(1).boundingBox();
    let chosen = null;
    for (let at = 0; at < 400 && chosen === null; at++) {
      await tab.mouse.click(box.x + 40 + ((at * 53) % (box.width - 80)), box.y + 80 + ((at * 31) % (box.height - 160)));
      chosen = (await state(tab)).node;
    }
    assert.notEqual(chosen, null);
    await tab.keyboard.press('Escape');
    assert.equal((await state(tab)).node, null);
  }));

test('keys step, jump, and change what is shown', () =>
  on(one, {}, async (tab) => {
    const t = async () => (await state(tab)).t;
    const start = await t();
    await tab.keyboard.press('ArrowRight');
    const next = await t();
    assert.ok(next > start);
    await tab.keyboard.press('ArrowRight');
    await tab.keyboard.press('ArrowLeft');
    assert.equal(await t(), next);
    await tab.keyboard.press('Shift+ArrowRight');
    assert.ok((await t()) > next);
    await tab.keyboard.press('2');
    await tab.locator('.share', { hasText: /9\d %/ }).waitFor();
    await tab.keyboard.press('Home');
    await tab.keyboard.press('l');
    await tab.keyboard.press('c');
    assert.deepEqual([(await state(tab)).layout, (await state(tab)).colouring], ['map', 'state']);
    await tab.keyboard.press('a');
    assert.equal((await state(tab)).item, null);
    await tab.getByRole('slider').focus();
    const before = await t();
    await tab.keyboard.press('ArrowUp');
    assert.ok((await t()) > before);
  }));

test('the address says what is shown, and shows what it says', () =>
  on(one, {}, async (tab) => {
    await tab.evaluate(() => window.tidings.set({ t: 1_234_567, item: 4, node: 9, layout: 'arrival', colouring: 'state' }));
    await until(tab, () => location.hash.includes('node=9'));
    const address = await tab.evaluate(() => location.href);
    const digest = await tab.evaluate(() => window.tidings.digest());
    await on(address, {}, async (other) => {
      const { t, item, node, layout, colouring } = await state(other);
      assert.deepEqual({ t, item, node, layout, colouring }, { t: 1_234_567, item: 4, node: 9, layout: 'arrival', colouring: 'state' });
      assert.equal(await other.evaluate(() => window.tidings.digest()), digest);
    });
    await tab.evaluate(() => (location.hash = '#t=99&item=2&layout=nonsense&node=99999999'));
    await until(tab, () => window.tidings.state().t === 99);
    assert.deepEqual([(await state(tab)).item, (await state(tab)).node, (await state(tab)).layout], [2, null, 'arrival']);
  }));

test('files are opened, beside each other; a bad one is told apart', () =>
  on(none, {}, async (tab) => {
    const bytes = Buffer.from(await madeUp({ nodes: 20, degree: 3, items: 5, rate: 10, seed: 2 }));
    const file = (name, buffer) => ({ name, mimeType: 'application/octet-stream', buffer });
    const input = tab.locator('input[type=file]').first();
    await input.setInputFiles([file('bad.tdt', Buffer.from('nothing of the kind'))]);
    await tab.getByText('bad: This file is no timeline of Tidings').waitFor();
    await input.setInputFiles([file('cut.tdt', bytes.subarray(0, bytes.length - 5))]);
    await tab.getByText('cut: This timeline is cut').waitFor();
    await input.setInputFiles([file('a.tdt', bytes), file('b.tdt', bytes)]);
    await until(tab, () => window.tidings.runs().length === 2);
    assert.equal((await state(tab)).beside, 1);
  }));

test('a file that is dropped is opened, and the graph is zoomed and moved', () =>
  on(none, {}, async (tab) => {
    const bytes = [...(await madeUp({ nodes: 20, degree: 3, items: 5, rate: 10, seed: 2 }))];
    const given = await tab.evaluateHandle((all) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(all)], 'dropped.tdt'));
      return transfer;
    }, bytes);
    await tab.dispatchEvent('body', 'dragenter', { dataTransfer: given });
    await tab.getByText('Drop timelines here').waitFor();
    await tab.dispatchEvent('body', 'drop', { dataTransfer: given });
    await until(tab, () => window.tidings.runs()[0]?.name === 'dropped');
    await tab.getByRole('button', { name: 'Zoom in' }).click();
    const box = await tab.locator('.graph').boundingBox();
    await tab.mouse.move(box.x + 300, box.y + 200);
    await tab.mouse.down();
    await tab.mouse.move(box.x + 360, box.y + 240, { steps: 4 });
    await tab.mouse.up();
    assert.equal((await state(tab)).node, null, 'a drag is no click');
    await tab.getByRole('button', { name: 'Show all' }).click();
    assert.equal(await tab.getByRole('button', { name: 'Show all' }).count(), 0);
  }));

test('who asks for less motion gets no flight from layout to layout', () =>
  on(one, { still: true }, async (tab) => {
    await tab.keyboard.press('l');
    await tab.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    await tab.evaluate(() => window.tidings.takeFrames());
    await tab.evaluate(() => new Promise((done) => setTimeout(done, 100)));
    assert.ok((await tab.evaluate(() => window.tidings.takeFrames())).length <= 2, 'it stands still');
  }));
