import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decode } from '../../src/timeline/decode';
import { TimelineError } from '../../src/timeline/types';
import { hashOf } from '../../src/names';

declare const FIXTURES: string;

type Columns = Record<string, (number | string | null)[]>;

test('what the recorder in Rust wrote reads as what it says it wrote', { skip: !existsSync(join(FIXTURES, 'small.tdt')) }, async () => {
  const timeline = await decode(new Uint8Array(readFileSync(join(FIXTURES, 'small.tdt'))));
  const told = JSON.parse(readFileSync(join(FIXTURES, 'small.json'), 'utf8')) as Record<string, Columns> & { about: Record<string, unknown> };
  for (const name of ['title', 'end_us', 'seed', 'event_hash', 'strategy', 'nodes', 'names', 'regions', 'kinds', 'states', 'faults', 'marks', 'kept_items_one_of']) {
    assert.deepEqual(timeline.header[name as keyof typeof timeline.header], told.about[name], name);
  }
  // The JSON has moments and nothing where the file has a number that means nothing.
  const plusOne = (column: (number | string | null)[]): number[] => column.map((one) => (one === null ? 0 : Number(one) + 1));
  const { nodes, links, items, messages, deliveries, states, samples, named } = timeline;
  for (const [table, columns] of [['nodes', nodes], ['messages', messages], ['states', states], ['samples', samples]] as const) {
    for (const [column, values] of Object.entries(told[table])) {
      if (column !== 'named') assert.deepEqual(Array.from((columns as unknown as Record<string, ArrayLike<number>>)[column]), values, `${table}.${column}`);
    }
  }
  assert.deepEqual(Array.from(named.item), told.messages.named);
  assert.deepEqual([Array.from(links.from), Array.from(links.to), Array.from(links.up)], [told.links.from, told.links.to, told.links.up]);
  assert.deepEqual(Array.from(links.down), told.links.down.map((down, link) => (down === null ? 0 : Number(down) - Number(told.links.up[link]) + 1)));
  assert.deepEqual(Array.from(items.origin), plusOne(told.items.origin));
  assert.deepEqual(told.items.hash, [...items.at.keys()].map((item) => hashOf(timeline, item)));
  assert.deepEqual(Array.from(items.at), told.items.at);
  assert.deepEqual(Array.from(deliveries.from), plusOne(told.deliveries.from));
  assert.deepEqual([Array.from(deliveries.at), Array.from(deliveries.node), Array.from(deliveries.item)], [told.deliveries.at, told.deliveries.node, told.deliveries.item]);
});

test('a cut of it is told apart', { skip: !existsSync(join(FIXTURES, 'small.tdt')) }, async () => {
  const bytes = new Uint8Array(readFileSync(join(FIXTURES, 'small.tdt')));
  await assert.rejects(decode(bytes.subarray(0, bytes.length - 1)), TimelineError);
});
