import assert from 'node:assert/strict';
import { test } from 'node:test';
import { momentIn } from '../../src/aligned';
import { ageAt, agesOf, coverageOn, distributionOn, evenGrid, geometricGrid, liveNodes } from '../../src/panes/ages';
import { logSplits } from '../../src/panes/chart';
import { sameItem } from '../../src/panes/compared';
import { figuresOf, timesOf } from '../../src/panes/figures';
import { brightness, nodesAt, orderOf, totalsOf } from '../../src/panes/heat';
import { lanesOf, spansOf, type Span } from '../../src/panes/lanes';
import { lengthsOf, redundancyIn } from '../../src/panes/windows';
import { decode } from '../../src/timeline/decode';
import { Model } from '../../src/timeline/model';
import { encode } from '../generator/encode';
import { flood } from '../generator/flood';
import { random } from '../generator/random';

const wish = { nodes: 40, degree: 4, items: 30, rate: 20, seed: 7, faults: true };
const timeline = await decode(encode(flood(wish)));
const model = new Model(timeline);

/** Ages by looking at every node and item. */
function naiveAges(items: number[]): number[] {
  const live = liveNodes(model);
  return items
    .flatMap((item) => Array.from(model.firstAt(item), (at, node) => (live[node] === 1 ? at - timeline.items.at[item] : Infinity)))
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
}

test('ages are those of every node and item, one by one', () => {
  const all = Array.from({ length: timeline.items.rows }, (_, item) => item);
  assert.deepEqual(Array.from(agesOf(model, null).sorted), naiveAges(all));
  for (const item of all) assert.deepEqual(Array.from(agesOf(model, item).sorted), naiveAges([item]), `item ${item}`);
});

test('coverage never falls, ends at what came, and counts the maker, which a distribution does not', () => {
  const ages = agesOf(model, 3);
  const grid = evenGrid(ages.sorted.at(-1) as number, 50);
  const covered = coverageOn(ages, grid);
  assert.ok(covered.every((share, at) => at === 0 || share >= covered[at - 1]));
  assert.equal(covered.at(-1), ages.sorted.length / ages.expected);
  assert.equal(covered[0], ages.own / ages.expected);
  assert.equal(distributionOn(ages, grid)[0], 0);
  assert.equal(ageAt(ages, 2), Infinity);
});

test('a geometric grid has equal factors and both its ends', () => {
  const grid = geometricGrid(10, 1000, 5);
  assert.ok(Math.abs(grid[4] - 1000) < 1e-9 && Math.abs(grid[1] / grid[0] - grid[4] / grid[3]) < 1e-9);
});

test('places on a logarithmic axis are round, few, and within it', () => {
  assert.deepEqual(logSplits(30, 900), [50, 100, 200, 500]);
  assert.deepEqual(logSplits(0.0001, 1), [0.0001, 0.001, 0.01, 0.1, 1]);
});

test('the times of a run are those of its median item', () => {
  const t50s = Array.from({ length: timeline.items.rows }, (_, item) => timesOf(model, item)[0]).sort((a, b) => a - b);
  assert.equal(figuresOf(model).t50, t50s[(t50s.length - 1) >>> 1]);
  const sum = timeline.messages.bytes.reduce((bytes, size) => bytes + size, 0);
  assert.equal(figuresOf(model).bytes, sum);
});

test('an item is found in another run by its hash, or else by its number', async () => {
  const own = { name: 'a', timeline, model };
  const moved = await decode(encode(flood({ ...wish, slow: 2 })));
  const other = { name: 'b', timeline: moved, model: new Model(moved) };
  assert.equal(sameItem(own, 5, own), 5);
  assert.equal(sameItem(own, 5, other), 5, 'no hash is the same');
  moved.items.hash.set(timeline.items.hash.subarray(5 * 8, 6 * 8), 9 * 8);
  assert.equal(sameItem(own, 5, other), 9);
  const short = await decode(encode(flood({ ...wish, items: 3 })));
  assert.equal(sameItem(own, 29, { name: 'c', timeline: short, model: new Model(short) }), null);
});

test('a heat map stands by bytes, and its totals are those of the messages', () => {
  const bytes = model.bytesByNodeAndKind(model.end);
  const order = orderOf(bytes, timeline.nodes.rows);
  const totals = totalsOf(bytes, order);
  assert.ok(totals.every((total, at) => at === 0 || total.bytes <= totals[at - 1].bytes));
  assert.equal(totals.reduce((sum, total) => sum + total.bytes, 0), figuresOf(model).bytes);
  assert.deepEqual([...order.nodes].sort((a, b) => a - b), Array.from({ length: 40 }, (_, node) => node));
});

test('every node is seen in a heat map of any width, and more bytes are never less bright', () => {
  for (const [width, nodes] of [[1, 5], [7, 40], [390, 1000], [1000, 1000], [1000, 3]]) {
    const seen = new Set<number>();
    for (let place = 0; place < width; place++) {
      const { from, to } = nodesAt(place, width, nodes);
      assert.ok(from < to && to <= nodes, `${place} of ${width}`);
      for (let node = from; node < to; node++) seen.add(node);
    }
    assert.equal(seen.size, nodes, `${width} px, ${nodes} nodes`);
  }
  assert.equal(brightness(0, 100), 0);
  assert.equal(brightness(100, 100), 1);
  assert.ok(brightness(1, 1e9) > 0 && brightness(10, 1e9) <= brightness(11, 1e9));
});

test('redundancy in windows adds up to the copies of the run', () => {
  const [whole] = redundancyIn(timeline, model.end, 1);
  assert.ok(Math.abs((whole as number) - (figuresOf(model).redundancy as number)) < 1e-9);
  assert.ok(redundancyIn(timeline, model.end, 40).every((share) => share === null || share >= 0));
});

test('lengths of queues are of the samples of their window', () => {
  const { samples } = timeline;
  const lengths = lengthsOf(timeline, 'queued', model.end, 1);
  assert.equal(lengths.most[0], Math.max(...samples.queued));
  assert.equal(lengths.worst?.length, Math.max(...samples.queued));
  const many = lengthsOf(timeline, 'asked', model.end, 1000);
  assert.equal(many.at.length, new Set(samples.at).size, 'a window without samples is none');
  assert.ok(many.median.every((median, at) => median <= many.high[at] && many.high[at] <= many.most[at]));
});

test('spans of faults name each node in trouble once, and rows never overlap while there is room', () => {
  const spans = spansOf(model);
  assert.deepEqual(spans.map((span) => span.kind), ['slow', 'kill', 'liar'], 'states that faults explain are not told twice');
  const draw = random(3);
  const made: Span[] = Array.from({ length: 60 }, () => {
    const from = Math.floor(draw() * 1000);
    return { kind: 'cut', from, to: from + 1 + Math.floor(draw() * 60), isOver: true, text: '', nodes: [] };
  }).sort((a, b) => a.from - b.from);
  const lanes = lanesOf(made, 100);
  for (const lane of lanes) assert.ok(lane.every((span, at) => at === 0 || lane[at - 1].to <= span.from));
  assert.equal(lanes.flat().length, 60);
  assert.equal(lanesOf(made, 2).length, 2);
});

test('a node that goes down without a fault is a span of its own', async () => {
  const draft = flood({ ...wish, faults: false });
  draft.tables.states = { rows: 3, columns: { at: [100, 100, 900], node: [4, 5, 4], state: [1, 1, 0] } };
  const spans = spansOf(new Model(await decode(encode(draft))));
  assert.deepEqual(spans.map(({ kind, from, isOver, nodes }) => [kind, from, isOver, nodes]), [['down', 100, true, [4]], ['down', 100, false, [5]]]);
});

test('beside another run each shows the moment at which the item is as old', () => {
  const run = { name: 'a', timeline, model };
  const at = timeline.items.at.map((made) => made + 8_000_000);
  const late = { name: 'b', timeline: { ...timeline, items: { ...timeline.items, at } }, model };
  const t = timeline.items.at[3] + 70_000;
  assert.equal(momentIn(run, run, t, 3), t);
  assert.equal(momentIn(late, run, t, 3), t + 8_000_000);
  assert.equal(momentIn(run, late, t, null), 0, 'not before its beginning');
  assert.equal(momentIn(late, undefined, t, 3), t);
});
