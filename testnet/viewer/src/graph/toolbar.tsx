/** What is above the graph: layout, colours, and which item is followed. */
import type { ComponentChildren } from 'preact';
import { whole } from '../format';
import { chooseItem } from '../play/playback';
import { store, useStore, type Colouring, type Layout } from '../store';

const LAYOUTS: readonly [Layout, string, string][] = [
  ['force', 'Links', 'Neighbours stand near each other'],
  ['map', 'Map', 'Nodes stand where their region is'],
  ['arrival', 'Arrival', 'The later a node has it, the farther from the middle'],
];
const COLOURINGS: readonly [Colouring, string, string][] = [
  ['arrival', 'When', 'Colours say when a node had the item'],
  ['state', 'Stage', 'Colours say how far a node is: heard, asked, has it'],
];

/** The bar. */
export function Toolbar(): ComponentChildren {
  const layout = useStore((state) => state.layout);
  const colouring = useStore((state) => state.colouring);
  const item = useStore((state) => state.item);
  return (
    <div class="toolbar">
      <div class="group" role="group" aria-label="Layout of the graph (l)">
        {LAYOUTS.map(([one, word, title]) => (
          <button key={one} type="button" aria-pressed={layout === one} title={title} onClick={() => store.set({ layout: one })}>
            {word}
          </button>
        ))}
      </div>
      {item !== null && (
        <div class="group" role="group" aria-label="Colours of the nodes (c)">
          {COLOURINGS.map(([one, word, title]) => (
            <button key={one} type="button" aria-pressed={colouring === one} title={title} onClick={() => store.set({ colouring: one })}>
              {word}
            </button>
          ))}
        </div>
      )}
      <ItemPicker />
    </div>
  );
}

function ItemPicker(): ComponentChildren {
  const item = useStore((state) => state.item);
  const rows = useStore((state) => state.runs[state.shown]?.timeline.items.rows ?? 0);
  if (rows === 0) return <p class="none">No items in this run</p>;
  const step = (by: number): void => chooseItem(item === null ? (by > 0 ? 0 : rows - 1) : (item + by + rows) % rows);
  return (
    <div class="group items" role="group" aria-label="The item that is followed">
      <button type="button" aria-pressed={item === null} title="All items (a)" onClick={() => chooseItem(null)}>
        All
      </button>
      <button type="button" aria-label="The item before (p)" title="The item before (p)" onClick={() => step(-1)}>
        ‹
      </button>
      <label>
        <span class="unseen">Number of the item</span>
        <input
          type="number"
          min={0}
          max={rows - 1}
          placeholder="item"
          value={item ?? ''}
          onChange={(event) => {
            const { value } = event.currentTarget;
            chooseItem(value === '' ? null : Math.min(rows - 1, Math.max(0, Math.round(Number(value)))));
          }}
        />
      </label>
      <span class="of">of {whole(rows)}</span>
      <button type="button" aria-label="The next item (n)" title="The next item (n)" onClick={() => step(1)}>
        ›
      </button>
    </div>
  );
}
