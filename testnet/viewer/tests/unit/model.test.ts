import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from '../../src/timeline/decode';
import { familyOf } from '../../src/timeline/families';
import { Model } from '../../src/timeline/model';
import { Fate, type Timeline } from '../../src/timeline/types';
import { encode } from '../generator/encode';
import { flood } from '../generator/flood';
import { random } from '../generator/random';

const timeline: Timeline = await decode(encode(flood({ nodes: 60, degree: 4, items: 40, rate: 25, seed: 7, faults: true })));
const model = new Model(timeline);
const { messages, deliveries, links, nodes, items } = timeline;

/** Moments to try: random ones, and just before, at and after events. */
const moments: number[] = (() => {
  const draw = random(1);
  const any = Array.from({ length: 60 }, () => Math.floor(draw() * model.end));
  const events = Array.from({ length: 30 }, () => messages.sent[Math.floor(draw() * messages.rows)]);
  return [0, model.end, ...any, ...events.flatMap((at) => [at - 1, at, at + 1])];
})();
const rows = (count: number): number[] => Array.from({ length: count }, (_, row) => row);
const sender = (row: number): number => (messages.end[row] & 1 ? links.to : links.from)[messages.end[row] >> 1];
const receiver = (row: number): number => (messages.end[row] & 1 ? links.from : links.to)[messages.end[row] >> 1];
const until = (row: number): number =>
  messages.fate[row] === Fate.arrived ? messages.sent[row] + messages.took[row] : messages.fate[row] === Fate.underWay ? model.end : messages.sent[row] + model.round;

test('who is on the way is what a look at every message says', () => {
  for (const t of moments) {
    const slow = rows(messages.rows).filter((row) => messages.sent[row] <= t && t < until(row));
    assert.deepEqual(model.onTheWay(t), slow, `at ${t}`);
    assert.deepEqual(model.onTheWay(t, 5), slow.slice(0, 5));
  }
});

test('coverage, deliveries and messages are what counting says', () => {
  for (const t of moments) {
    const done = rows(deliveries.rows).filter((row) => deliveries.at[row] <= t);
    assert.equal(model.deliveriesUntil(t), done.length);
    const item = t % items.rows;
    assert.equal(model.coverage(item, t), done.filter((row) => deliveries.item[row] === item).length / nodes.rows);
    assert.equal(model.heldBy(t % nodes.rows, t), done.filter((row) => deliveries.node[row] === t % nodes.rows).length);
    const { from, to } = model.messagesBetween(t - 50_000, t);
    assert.deepEqual(rows(messages.rows).slice(from, to), rows(messages.rows).filter((row) => messages.sent[row] >= t - 50_000 && messages.sent[row] <= t));
  }
});

test('bytes by node and kind are what adding says', () => {
  for (const t of moments.slice(0, 25)) {
    const { kinds, table } = model.bytesByNodeAndKind(t);
    const slow = new Float64Array(table.length);
    for (const row of rows(messages.rows)) if (messages.sent[row] <= t) slow[sender(row) * kinds.length + kinds.indexOf(messages.kind[row])] += messages.bytes[row];
    assert.deepEqual(table, slow, `at ${t}`);
  }
});

test('the first arrival, the stages and the tree agree with the deliveries', () => {
  for (let item = 0; item < items.rows; item++) {
    const first = model.firstAt(item);
    const { parent, hops } = model.tree(item);
    const { heard, asked } = model.stages(item);
    for (let node = 0; node < nodes.rows; node++) {
      const mine = rows(deliveries.rows).filter((row) => deliveries.item[row] === item && deliveries.node[row] === node);
      assert.equal(first[node], mine.length === 0 ? Infinity : deliveries.at[mine[0]]);
      if (parent[node] < 0) continue;
      assert.ok(first[parent[node]] < first[node], 'a parent had it before');
      assert.equal(hops[node], hops[parent[node]] + 1);
      assert.ok(heard[node] <= asked[node] && asked[node] <= first[node], 'heard, asked, had');
    }
  }
});

test('the ladder of a node has each of its messages once, in order', () => {
  for (const node of [0, 7, 59]) {
    for (const item of [null, 3]) {
      const [t0, t1] = [400_000, 1_600_000];
      const slow = rows(messages.rows).filter((row) => {
        const names = Array.from(timeline.named.item.subarray(messages.first[row], messages.first[row + 1]));
        return messages.sent[row] >= t0 && messages.sent[row] < t1 && [sender(row), receiver(row)].includes(node) && (item === null || names.includes(item));
      });
      const ladder = model.ladder(node, item, t0, t1, 1e9);
      assert.deepEqual(ladder.rungs.map((rung) => rung.row), slow);
      assert.equal(model.ladder(node, item, t0, t1, 3).total, slow.length);
      for (const rung of ladder.rungs) assert.equal(rung.peer, rung.isOut ? receiver(rung.row) : sender(rung.row));
    }
  }
});

test('stepping visits every event once, and back the same way', () => {
  for (const item of [null, 5]) {
    const slow = new Set<number>();
    const concerns = (row: number): boolean => item === null || timeline.named.item.subarray(messages.first[row], messages.first[row + 1]).includes(item);
    for (const row of rows(messages.rows)) {
      if (!concerns(row)) continue;
      slow.add(messages.sent[row]);
      if (item === null || messages.fate[row] === Fate.arrived) slow.add(until(row));
    }
    for (const row of rows(deliveries.rows)) if (item === null || deliveries.item[row] === item) slow.add(deliveries.at[row]);
    if (item === null) for (const at of timeline.states.at) slow.add(at);
    else slow.add(items.at[item]);
    const all = [...slow].filter((at) => at <= model.end).sort((a, b) => a - b);
    const stretch = all.slice(100, 400);
    let t = stretch[0];
    for (const at of stretch.slice(1)) assert.equal((t = model.moments.next(t, item)), at);
    for (const at of stretch.slice(0, -1).reverse()) assert.equal((t = model.moments.previous(t, item)), at);
    assert.equal(model.moments.next(model.end, item), model.end);
    assert.equal(model.moments.previous(0, item), 0);
  }
});

test('a share is reached when so many have it', () => {
  for (const share of [0.5, 0.9, 0.99, 1]) {
    for (const item of [null, 2, 9]) {
      const at = model.moments.reached(share, item);
      const has = (t: number): number => (item === null ? model.deliveriesUntil(t) / (nodes.rows * items.rows) : model.coverage(item, t));
      if (Number.isFinite(at)) assert.ok(has(at) >= share && has(at - 1) < share);
      else assert.ok(has(model.end) < share);
    }
  }
});

test('a state at a moment is what its changes make of it', () => {
  const fault = timeline.header.faults.find(({ kind }) => kind === 'kill');
  assert.ok(fault?.until_us);
  const node = fault.nodes[0];
  assert.equal(model.stateOf(node, fault.at_us - 1).up, true);
  assert.equal(model.stateOf(node, fault.at_us).up, false);
  assert.equal(model.stateOf(node, fault.until_us).up, true);
  assert.ok(model.touchedNodes.includes(node));
});

test('a link is up from when it comes up to when it goes', async () => {
  const draft = flood({ nodes: 6, degree: 2, items: 1, rate: 1, seed: 1 });
  draft.tables.links.columns.up = Array.from(draft.tables.links.columns.up, (_, link) => (link === 0 ? 100 : 0));
  draft.tables.links.columns.down = Array.from(draft.tables.links.columns.down, (_, link) => (link === 0 ? 51 : 0));
  const some = new Model(await decode(encode(draft)));
  assert.deepEqual([99, 100, 149, 150, 1e9].map((t) => some.isLinkUp(0, t)), [false, true, true, false, false]);
  assert.deepEqual([0, 1e9].map((t) => some.isLinkUp(1, t)), [true, true]);
});

test('answers do not hang on what was asked before', () => {
  const ask = (from: Model, t: number): unknown => [from.onTheWay(t), from.coverage(null, t), from.bytesByNodeAndKind(t).table, from.ladder(4, null, 0, t), from.moments.next(t, null)];
  const sorted = [...moments].sort((a, b) => a - b);
  const forwards = sorted.map((t) => ask(model, t));
  const fresh = new Model(timeline);
  const backwards = [...sorted].reverse().map((t) => ask(fresh, t)).reverse();
  assert.deepEqual(backwards, forwards);
});

test('a timeline with nothing in it has an answer to everything', async () => {
  const draft = flood({ nodes: 3, degree: 1, items: 1, rate: 1, seed: 1 });
  for (const table of Object.values(draft.tables)) {
    table.rows = 0;
    for (const column of Object.keys(table.columns)) table.columns[column] = [];
  }
  const empty = new Model(await decode(encode({ ...draft, header: { ...draft.header, nodes: 0, end_us: 0 } })));
  assert.deepEqual([empty.onTheWay(0), empty.coverage(null, 0), empty.moments.next(0, null), empty.moments.reached(0.5, null)], [[], 0, 0, Infinity]);
});

test('every kind of the wire has a family', () => {
  assert.equal(familyOf('announce'), 'announcement');
  assert.equal(familyOf('no such kind'), 'other');
});
