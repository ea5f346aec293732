import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slowestItems } from '../../src/panes/figures';
import { slowest, storyOf } from '../../src/story';
import { millis, pathOf } from '../../src/story/short';
import { decode } from '../../src/timeline/decode';
import { Model } from '../../src/timeline/model';
import { encode, type Draft } from '../generator/encode';
import { flood } from '../generator/flood';

const KINDS = ['announce', 'getdata', 'tx', 'notfound'];
const STATES = ['up', 'down', 'paused', 'resumed', 'lying', 'honest', 'slow', 'quick'];

/** A message: when it was sent, from, to, its kind, how long it took (ms); null: lost. */
type Told = [at: number, from: number, to: number, kind: string, took: number | null];

/** A run of one item and few nodes, of which every pair has a link: the smaller one dialled. Times are ms; the item is made at node 0 at 0. */
function made(nodes: number, told: Told[], had: [at: number, node: number, from: number | null][], states: [at: number, node: number, state: string][] = []): Draft {
  const links = Array.from({ length: nodes }, (_, a) => Array.from({ length: nodes - a - 1 }, (_, b) => [a, a + b + 1])).flat();
  const endOf = (from: number, to: number): number => {
    const link = links.findIndex(([a, b]) => a === Math.min(from, to) && b === Math.max(from, to));
    return link * 2 + Number(from > to);
  };
  const rows = [...told].sort((a, b) => a[0] - b[0]);
  const zeros = (count: number): number[] => Array.from({ length: count }, () => 0);
  return {
    header: {
      title: 'made', source: 'simulated', began_unix_us: 0, end_us: 20_000_000, seed: '1', event_hash: null, manifest: '', scenario: null, strategy: 'inventory', nodes,
      names: null, regions: [], kinds: KINDS, states: STATES, faults: [], marks: [], kept_items_one_of: 1, dropped_rows: 0, invalid_reasons: [],
    },
    tables: {
      nodes: { rows: nodes, columns: { x: zeros(nodes), y: zeros(nodes), map_x: zeros(nodes), map_y: zeros(nodes), region: zeros(nodes) } },
      links: { rows: links.length, columns: { from: links.map(([a]) => a), to: links.map(([, b]) => b), up: zeros(links.length), down: zeros(links.length) } },
      items: { rows: 1, columns: { kind: [0], hash: zeros(8), size: [300], origin: [1], at: [0] } },
      messages: {
        rows: rows.length,
        columns: {
          sent: rows.map(([at]) => at * 1000), end: rows.map(([, from, to]) => endOf(from, to)), kind: rows.map(([, , , kind]) => KINDS.indexOf(kind)), bytes: rows.map(() => 50),
          took: rows.map(([, , , , took]) => (took ?? 0) * 1000), fate: rows.map(([, , , , took]) => Number(took === null)), count: rows.map(() => 1),
        },
      },
      named: { rows: rows.length, columns: { item: zeros(rows.length) } },
      deliveries: {
        rows: had.length,
        columns: { at: had.map(([at]) => at * 1000), node: had.map(([, node]) => node), item: zeros(had.length), from: had.map(([, node, from]) => (from === null ? 0 : endOf(from, node) + 1)) },
      },
      states: { rows: states.length, columns: { at: states.map(([at]) => at * 1000), node: states.map(([, node]) => node), state: states.map(([, , state]) => STATES.indexOf(state)) } },
      samples: { rows: 0, columns: { at: [], node: [], waiting: [], asked: [], queued: [] } },
    },
  };
}

const opened = async (draft: Draft): Promise<Model> => new Model(await decode(encode(draft)));
const lines = (model: Model, node: number): string[] => storyOf(model, 0, node).steps.map((step) => `+${millis(step.at)} ${step.text}`);

test('a stalled item is told with what it waited for, as explain tells it', async () => {
  const model = await opened(
    made(
      4,
      [
        [0, 1, 3, 'announce', 100], [100, 3, 1, 'getdata', 20], [150, 2, 3, 'announce', 150],
        [5_100, 3, 2, 'getdata', 20], [5_121, 2, 3, 'tx', 29],
      ],
      [[0, 0, null], [5, 1, 0], [10, 2, 0], [5_152, 3, 2]],
    ),
  );
  assert.deepEqual(lines(model, 3), [
    '+100.0 node 1 (inbound) announced it, 100.0 ms after it left there',
    '+100.0 asked node 1 for it',
    '+300.0 node 2 (inbound) announced it; kept in reserve, because node 1 was being asked',
    '+5,100.0 asked node 2 instead: node 1 had 5,000.0 ms and did not deliver',
    '+5,150.0 node 2 sent it, 50.0 ms after it was asked: 21.0 ms until it left there, 29.0 ms on its way',
    '+5,152.0 accepted; checking took 2.0 ms',
  ]);
  assert.equal(
    storyOf(model, 0, 3).inShort,
    'In short: accepted 5,152.0 ms after it was made. Nobody told this node for the first 100.0 ms (2 % of the time). 5,000.0 ms went into 1 request in vain. ' +
      'It came in 2 hops from node 0; the slowest: node 2 to node 3 5,142.0 ms, node 0 to node 2 10.0 ms. 2 peers announced it.',
  );
});

test('what was lost on the way is told, though the node never knew', async () => {
  const model = await opened(made(3, [[0, 0, 1, 'announce', null], [900, 2, 1, 'announce', 50], [950, 1, 2, 'getdata', null]], [[0, 0, null]]));
  assert.deepEqual(lines(model, 1), [
    '+0.0 node 0 (inbound) announced it, but that was lost on the way',
    '+950.0 node 2 (outbound) announced it, 50.0 ms after it left there',
    '+950.0 asked node 2 for it, but that was lost on the way',
  ]);
  const { inShort } = storyOf(model, 0, 1);
  assert.ok(inShort.startsWith('In short: not here yet; node 2 has been asked for 19,050.0 ms.'), inShort);
});

test('a peer without it, one that stands still, and one that goes down are told', async () => {
  const model = await opened(
    made(
      4,
      [[0, 0, 3, 'announce', 10], [10, 3, 0, 'getdata', 10], [30, 0, 3, 'notfound', 10], [50, 1, 3, 'announce', 10], [60, 3, 1, 'getdata', 10]],
      [[0, 0, null]],
      [[70, 1, 'paused'], [90, 1, 'down']],
    ),
  );
  assert.deepEqual(lines(model, 3).slice(2), [
    "+40.0 node 0 answered that it doesn't have it (notfound)",
    '+60.0 node 1 (inbound) announced it, 10.0 ms after it left there',
    '+60.0 asked node 1 instead, as the next announcer',
    '+70.0 node 1 stood still from here on',
    '+90.0 node 1 went down',
  ]);
  assert.ok(storyOf(model, 0, 3).inShort.includes('60.0 ms went into 2 requests in vain'));
});

test('a pushed item, a copy too many, and what was never told have their sentences', async () => {
  const model = await opened(made(4, [[0, 0, 1, 'tx', 40], [10, 2, 1, 'tx', 60]], [[0, 0, null], [40, 1, 0], [45, 2, 0]]));
  assert.deepEqual(lines(model, 1), [
    '+40.0 node 0 (inbound) sent it, without being asked at the time; it travelled 40.0 ms',
    '+40.0 accepted',
    '+70.0 node 2 (outbound) sent it, too; it was here already',
  ]);
  assert.ok(storyOf(model, 0, 3).inShort.includes('nobody ever told this node of it'));
  assert.equal(storyOf(model, 0, 0).inShort, 'In short: it was made here.');
  assert.deepEqual(slowest(model, 0, 2), [3, 2], 'whoever never had it comes first');
  assert.deepEqual(slowestItems(model, 5), [{ item: 0, took: Infinity }]);
});

test('a wait before the first request is told, and what comes after the item is not', async () => {
  const model = await opened(made(3, [[0, 0, 1, 'announce', 10], [400, 1, 0, 'getdata', 10], [411, 0, 1, 'tx', 10], [500, 2, 1, 'announce', 10]], [[0, 0, null], [421, 1, 0]]));
  assert.deepEqual(lines(model, 1), [
    '+10.0 node 0 (inbound) announced it, 10.0 ms after it left there',
    '+400.0 asked node 0 for it, after 390.0 ms in which it waited whether somebody sends it unasked',
    '+421.0 node 0 sent it, 21.0 ms after it was asked: 11.0 ms until it left there, 10.0 ms on its way',
    '+421.0 accepted',
  ]);
});

test('any run has a story of every node, whose times never go backwards and whose way begins where the item was made', async () => {
  const model = await opened(flood({ nodes: 60, degree: 3, items: 12, rate: 10, seed: 21, faults: true }));
  const { items, nodes } = model.timeline;
  for (let item = 0; item < items.rows; item++) {
    for (let node = 0; node < nodes.rows; node++) {
      const { steps, inShort } = storyOf(model, item, node);
      assert.ok(steps.every((step, at) => at === 0 || step.at >= steps[at - 1].at), `item ${item}, node ${node}`);
      assert.ok(inShort.startsWith('In short: ') && !/NaN|undefined|Infinity/.test(inShort), inShort);
      const path = pathOf(model, item, node);
      if (path.length > 0) assert.equal(path[0].node, items.origin[item] - 1);
      assert.equal(path.length > 0, Number.isFinite(model.firstAt(item)[node]));
    }
  }
});
