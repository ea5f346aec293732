import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ordinal } from '../../src/details/node';
import { find } from '../../src/find/search';
import { bytes, count, share, time } from '../../src/format';
import { placesOf, Radius } from '../../src/graph/places';
import { makeScene, nearest } from '../../src/graph/scene';
import { Shade } from '../../src/graph/shades';
import { moved, project, WHOLE, zoomAt } from '../../src/graph/view';
import { hashOf } from '../../src/names';
import { fromHash, toHash } from '../../src/permalink';
import { itemRange, placeIn, scrubRange } from '../../src/play/range';
import { faster, SPEEDS, speedFor } from '../../src/play/speeds';
import { bustle, spread } from '../../src/scrubber/curve';
import { tickStep } from '../../src/scrubber/scrubber';
import { Store, type Run } from '../../src/store';
import { decode } from '../../src/timeline/decode';
import { encode } from '../generator/encode';
import { flood } from '../generator/flood';

const store = new Store();
store.addRun('run', await decode(encode(flood({ nodes: 50, degree: 4, items: 60, rate: 30, seed: 4, faults: true }))));
const run = store.state.runs[0] as Run;

test('times, bytes and shares read as people write them', () => {
  assert.deepEqual([0, 850, 12_300, 812_000, 1_234_000, 72_500_000, 125_000_000, Infinity].map(time), ['0 µs', '850 µs', '12.3 ms', '812 ms', '1.234 s', '72.5 s', '2 min 05 s', 'never']);
  assert.deepEqual([0, 820, 12_340, 4_560_000].map(bytes), ['0 B', '820 B', '12.3 kB', '4.56 MB']);
  assert.deepEqual([0, 0.042, 0.5, 0.995, 0.99999, 1].map(share), ['0 %', '4.2 %', '50 %', '99.5 %', '99.9 %', '100 %']);
  assert.deepEqual([count(1, 'node'), count(2000, 'node'), count(2, 'copy', 'copies')], ['1 node', '2,000 nodes', '2 copies']);
  assert.deepEqual([1, 2, 3, 4, 11, 12, 13, 21, 112, 122].map(ordinal), ['1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '112th', '122nd']);
});

test('the store keeps what is chosen within what there is', () => {
  store.set({ t: 1e15, item: 7, node: 999, shown: 4, beside: 0 });
  const { t, item, node, shown, beside } = store.state;
  assert.deepEqual({ t, item, node, shown, beside }, { t: run.model.end, item: 7, node: null, shown: 0, beside: null });
  let told = 0;
  const stop = store.subscribe((_, changed) => (told += changed.has('t') ? 1 : 100));
  store.set({ t: 5 });
  store.set({ t: 5 });
  stop();
  store.set({ t: 6 });
  assert.equal(told, 1);
});

test('an address says what a state is, and the other way round', () => {
  store.set({ t: 1234, item: 3, node: 9, layout: 'map', colouring: 'state', span: 'item' });
  const hash = toHash(store.state, '#lab=%7B%7D&t=9');
  assert.equal(hash, '#t=1234&item=3&node=9&layout=map&colour=state&span=item&lab=%7B%7D');
  assert.deepEqual(fromHash(hash), { t: 1234, item: 3, node: 9, layout: 'map', colouring: 'state', span: 'item' });
  assert.deepEqual(fromHash('#t=-5&item=x&layout=odd&node=1e9&span=item&colour='), {});
});

test('what is looked for is found by number, hash and region', () => {
  const { timeline } = run;
  const of = (text: string): string[] => find(timeline, text, 8).map(({ kind, number }) => `${kind} ${number}`);
  assert.deepEqual(of('17'), ['node 17', 'item 17']);
  assert.deepEqual(of('node 17'), ['node 17']);
  assert.deepEqual(of('item #3'), ['item 3']);
  assert.ok(of(hashOf(timeline, 12).slice(0, 6)).includes('item 12'));
  assert.ok(of('EUROPE').every((found) => timeline.header.regions[timeline.nodes.region[Number(found.slice(5))]] === 'europe'));
  assert.deepEqual(of('blocks'), ['item 49']);
  assert.deepEqual([of(''), of('nobody'), of('99999')], [[], [], []]);
});

test('the scrubber spans the run, or the life of the item', () => {
  store.set({ item: 3, span: 'run' });
  assert.deepEqual(scrubRange(store.state), { from: 0, to: run.model.end });
  store.set({ span: 'item' });
  const range = scrubRange(store.state);
  assert.deepEqual(range, itemRange(run, 3));
  for (const at of run.model.firstAt(3)) if (Number.isFinite(at)) assert.ok(placeIn(range, at) >= 0 && placeIn(range, at) <= 1);
  assert.equal(tickStep({ from: 0, to: 1e6 }, 10), 1e5);
  assert.equal(tickStep({ from: 0, to: 1.1e6 }, 10), 2e5);
});

test('the scrubber’s curves rise to what was reached', () => {
  const range = itemRange(run, 3);
  const curve = spread(run, 3, range, 200);
  assert.ok(curve.every((value, place) => place === 0 || value >= curve[place - 1]));
  assert.ok(Math.abs(curve[199] - run.model.coverage(3, range.to)) < 1e-9);
  assert.equal(Math.max(...bustle(run, { from: 0, to: run.model.end }, 200)), 1);
});

test('speeds go up and down by steps, and end at both ends', () => {
  assert.deepEqual([faster(1, 1), faster(1, -1), faster(0.01, -1), faster(1000, 3), faster(0.07, 0)], [2, 0.5, 0.01, 1000, 0.05]);
  assert.ok(SPEEDS.includes(speedFor(800_000, 8)));
});

test('in the layout by arrival, whoever has it later stands farther out', () => {
  const { x, y } = placesOf(run, 'arrival', 3);
  const far = (node: number): number => Math.hypot(x[node] - 0.5, y[node] - 0.5);
  const first = run.model.firstAt(3);
  const order = [...first.keys()].sort((a, b) => first[a] - first[b]);
  for (let place = 2; place < order.length; place++) assert.ok(far(order[place]) >= far(order[place - 1]) - 1e-6);
  assert.ok(new Radius(Float64Array.of(1, 2, Infinity)).hasNever);
  for (const layout of ['force', 'map', 'arrival'] as const) {
    for (const item of [null, 3]) for (const values of Object.values(placesOf(run, layout, item)) as Float32Array[]) assert.ok(values.every((one) => one >= 0 && one <= 1), layout);
  }
});

test('a node’s shade is a function of the moment', () => {
  const scene = makeScene({ run, layout: 'force', item: 3, colouring: 'arrival', scale: run }, null);
  const first = run.model.firstAt(3);
  for (const t of [0, first[5] - 1, first[5], run.model.end, first[5]]) {
    scene.shades.at(t).forEach((shade, node) => assert.equal(shade === Shade.unaware, !(first[node] <= t)));
  }
  const stages = makeScene({ run, layout: 'force', item: 3, colouring: 'state', scale: run }, scene);
  assert.equal(stages.places, scene.places);
  const { heard, asked } = run.model.stages(3);
  const node = [...first.keys()].find((one) => heard[one] < asked[one] && asked[one] < first[one]) as number;
  const seen = [heard[node] - 1, heard[node], asked[node], first[node]].map((t) => stages.shades.at(t)[node]);
  assert.deepEqual(seen, [Shade.unaware, Shade.heard, Shade.asked, Shade.has]);
});

test('what moves at a moment does not hang on what was asked before', () => {
  for (const item of [null, 3]) {
    const { mover } = makeScene({ run, layout: 'force', item, colouring: 'arrival', scale: run }, null);
    const at = (t: number): unknown => {
      const motion = mover.at(t, 50_000);
      return [motion.used, [...motion.usedEnd.subarray(0, motion.used)], [...motion.dotEnd.subarray(0, motion.dots)], [...motion.dotAt.subarray(0, motion.dots)]];
    };
    const once = [700_000, 900_000, 1_400_000].map(at);
    assert.deepEqual([1_400_000, 900_000, 700_000].map(at).reverse(), once);
  }
});

test('what is under the pointer stays there when it is zoomed, and all is shown again', () => {
  let view = zoomAt(WHOLE, 3, 500, 250, 900, 500, false);
  const under = (from: typeof view): number => (500 - project(from, 900, 500, false).left) / project(from, 900, 500, false).unit.x;
  const before = under(view);
  view = zoomAt(view, 1.5, 500, 250, 900, 500, false);
  assert.ok(Math.abs(under(view) - before) < 1e-9);
  assert.notDeepEqual(moved(view, 40, 10, 900, 500, false), view);
  assert.deepEqual(zoomAt(view, 0.001, 3, 3, 900, 500, false), WHOLE);
  assert.equal(nearest(Float32Array.of(10, 100), Float32Array.of(10, 100), 97, 100, 16), 1);
  assert.equal(nearest(Float32Array.of(10, 100), Float32Array.of(10, 100), 50, 50, 16), null);
});
