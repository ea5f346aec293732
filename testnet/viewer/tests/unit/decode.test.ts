import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from '../../src/timeline/decode';
import { TimelineError } from '../../src/timeline/types';
import { encode } from '../generator/encode';
import { flood } from '../generator/flood';
import { random } from '../generator/random';

const draft = flood({ nodes: 40, degree: 4, items: 30, rate: 20, seed: 3, faults: true });
const file = encode(draft);

async function sentence(bytes: Uint8Array): Promise<string> {
  try {
    await decode(bytes);
  } catch (error) {
    assert.ok(error instanceof TimelineError, `not for people: ${error}`);
    return error.message;
  }
  return '';
}

test('every column comes back as it was written', async () => {
  const timeline = await decode(file);
  for (const [name, { rows, columns }] of Object.entries(draft.tables)) {
    const table = timeline[name as keyof typeof draft.tables] as unknown as Record<string, ArrayLike<number>> & { rows: number };
    assert.equal(table.rows, rows, name);
    for (const [column, values] of Object.entries(columns)) {
      assert.deepEqual(Array.from(table[column]), Array.from(values), `${name}.${column}`);
    }
  }
  assert.equal(timeline.header.title, 'made up, 40 nodes');
  assert.equal(timeline.messages.first.at(-1), timeline.named.rows);
});

test('numbers of any length survive each coding', async () => {
  const draw = random(5);
  const wide = Array.from({ length: 2000 }, () => Math.floor(2 ** (draw() * 52)));
  const times = [...wide].sort((a, b) => a - b);
  const changed = structuredClone(draft);
  changed.tables.states = { rows: 2000, columns: { at: times, node: wide.map((n) => n % 40), state: wide.map((n) => n % 8) } };
  const timeline = await decode(encode(changed));
  assert.deepEqual(Array.from(timeline.states.at), times);
});

test('what exceeds a column is shown as its most', async () => {
  const changed = structuredClone(draft);
  (changed.tables.items.columns.size as number[])[0] = 2 ** 40;
  assert.equal((await decode(encode(changed))).items.size[0], 2 ** 32 - 1);
});

test('a file that is no timeline says how to get one', async () => {
  assert.match(await sentence(new TextEncoder().encode('at,node,item\n1,2,3\n')), /no timeline of Tidings.*--trace/);
  assert.match(await sentence(new Uint8Array()), /no timeline/);
});

test('a newer version is named', async () => {
  const newer = file.slice();
  newer[8] = 2;
  assert.match(await sentence(newer), /version 2.*reads version 1/);
});

test('a file that is cut anywhere says so, and never reads as whole', async () => {
  for (let length = 0; length < file.length; length += 97) {
    const said = await sentence(file.subarray(0, length));
    assert.match(said, length < 8 ? /no timeline/ : /cut/, `${length} bytes`);
  }
});

test('a column that claims more than its bytes can hold asks for no memory', async () => {
  const huge = encode(draft, (header) => {
    header.tables.messages.rows = 1 << 26;
    for (const column of Object.values(header.tables.messages.columns)) column.raw = 1 << 28;
  });
  assert.match(await sentence(huge), /makes no sense/);
});

test('an unknown coding, a missing column, too many rows: each has its sentence', async () => {
  const odd = (change: Parameters<typeof encode>[1]): Promise<string> => sentence(encode(draft, change));
  assert.match(await odd((header) => { header.tables.items.columns.at.coding = 'gorilla'; }), /"items.at" is coded as "gorilla"/);
  assert.match(await odd((header) => { delete header.tables.links.columns.up; }), /"links" has no column "up"/);
  assert.match(await odd((header) => { delete header.tables.samples; }), /no table "samples"/);
  assert.match(await odd((header) => { header.tables.nodes.rows = 1e12; }), /rows/);
});

test('rows that name what is not there are refused', async () => {
  for (const [table, column] of [['deliveries', 'node'], ['messages', 'end'], ['named', 'item'], ['links', 'to'], ['states', 'state']] as const) {
    const changed = structuredClone(draft);
    (changed.tables[table].columns[column] as number[])[0] = table === 'states' ? 200 : 1e6;
    assert.match(await sentence(encode(changed)), /names|link/, `${table}.${column}`);
  }
});

test('any damage is an error for people, or a timeline', async () => {
  const draw = random(11);
  for (let round = 0; round < 150; round++) {
    const damaged = file.slice();
    for (let hits = 1 + Math.floor(draw() * 4); hits > 0; hits--) damaged[20 + Math.floor(draw() * (file.length - 20))] ^= 1 << Math.floor(draw() * 8);
    await sentence(damaged);
  }
});
