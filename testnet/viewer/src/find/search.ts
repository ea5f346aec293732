/** Finds nodes and items by what people know of them: a number, a name, the beginning of a hash, a region. */
import { hashOf, itemName, nodeName, regionOf } from '../names';
import type { Timeline } from '../timeline/types';

/** Something that was found. */
export interface Found {
  kind: 'node' | 'item';
  /** Its number. */
  number: number;
  /** What is shown. */
  text: string;
}

/** Finds at most `most`; exact numbers come first, then names, then hashes, then regions. */
export function find(timeline: Timeline, wanted: string, most: number): Found[] {
  const text = wanted.trim().toLowerCase();
  if (text === '') return [];
  const found: Found[] = [];
  const add = (kind: Found['kind'], number: number): void => {
    if (found.length < most && !found.some((one) => one.kind === kind && one.number === number)) found.push({ kind, number, text: describe(timeline, kind, number) });
  };
  const [, word, digits] = /^(node|item)?\s*#?(\d{1,9})$/.exec(text) ?? [];
  if (digits !== undefined) {
    const number = Number(digits);
    if (word !== 'item' && number < timeline.nodes.rows) add('node', number);
    if (word !== 'node' && number < timeline.items.rows) add('item', number);
  }
  const { names, regions } = timeline.header;
  names?.forEach((name, node) => {
    if (name.toLowerCase().includes(text)) add('node', node);
  });
  if (/^[0-9a-f]{2,16}$/.test(text)) {
    for (let item = 0; item < timeline.items.rows && found.length < most; item++) if (hashOf(timeline, item).startsWith(text)) add('item', item);
  }
  const near = new Set([...regions.keys()].filter((region) => regions[region].toLowerCase().includes(text)));
  for (let node = 0; node < timeline.nodes.rows && near.size > 0 && found.length < most; node++) if (near.has(timeline.nodes.region[node])) add('node', node);
  if (text === 'block' || text === 'blocks') {
    for (let item = 0; item < timeline.items.rows && found.length < most; item++) if (timeline.items.kind[item] === 1) add('item', item);
  }
  return found;
}

function describe(timeline: Timeline, kind: Found['kind'], number: number): string {
  if (kind === 'item') return itemName(timeline, number);
  const name = nodeName(timeline, number);
  const region = regionOf(timeline, number);
  const known = name === `node ${number}` ? name : `${name} (node ${number})`;
  return region === '' ? known : `${known} · ${region}`;
}
