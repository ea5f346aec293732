/** The slowest nodes of the chosen item, and why, in sentences. */
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { time } from '../format';
import { itemName, nodeName, regionOf } from '../names';
import { seek } from '../play/playback';
import { store, useStore, type Run } from '../store';
import { slowest, storyOf } from '../story';
import { millis } from '../story/short';
import { stateWord } from '../timeline/states';
import { slowestItems } from './figures';
import { useLater } from './later';

/** How many nodes, or items, are listed. */
const LISTED = 10;

/** The list: of items, as long as none is chosen; then of the nodes that waited longest for it. */
export function Slowest(): ComponentChildren {
  const frame = useRef<HTMLDivElement>(null);
  const run = useStore((state) => state.runs[state.shown]);
  const item = useStore((state) => state.item);
  return <div ref={frame}>{run === undefined ? null : item === null ? <Items run={run} frame={frame} /> : <Nodes key={item} run={run} item={item} />}</div>;
}

function Items({ run, frame }: { run: Run; frame: { current: HTMLDivElement | null } }): ComponentChildren {
  const items = useLater(frame, () => slowestItems(run.model, LISTED), [run]);
  return (
    <>
      <p class="note">Choose an item to see which nodes waited longest for it, and why. These took longest until 99 % of the nodes had them:</p>
      <ol class="slow-items">
        {(items ?? []).map(({ item, took }) => (
          <li key={item}>
            <button type="button" onClick={() => store.set({ item })}>
              {itemName(run.timeline, item)}
            </button>{' '}
            {Number.isFinite(took) ? time(took) : 'never'}
          </li>
        ))}
      </ol>
    </>
  );
}

function Nodes({ run, item }: { run: Run; item: number }): ComponentChildren {
  const node = useStore((state) => state.node);
  const { model, timeline } = run;
  const first = model.firstAt(item);
  const nodes = slowest(model, item, LISTED);
  // Whoever is chosen in the graph is told of, too.
  const listed = node === null || nodes.includes(node) ? nodes : [node, ...nodes];
  return (
    <>
      <p class="note">
        Of {itemName(timeline, item)}: the nodes that had it last, or never. Open one to read what passed between it and its neighbours.{' '}
        <button type="button" onClick={() => store.set({ item: null })}>
          All items
        </button>
      </p>
      <ol class="stories">
        {listed.map((one) => (
          <li key={one}>
            <Story run={run} item={item} node={one} has={first[one]} isOpen={one === node} />
          </li>
        ))}
      </ol>
    </>
  );
}

function Story({ run, item, node, has, isOpen }: { run: Run; item: number; node: number; has: number; isOpen: boolean }): ComponentChildren {
  const { model, timeline } = run;
  const [wasOpened, setOpened] = useState(isOpen);
  const made = timeline.items.at[item];
  const state = stateWord(model.stateOf(node, model.end));
  const took = Number.isFinite(has) ? `${time(has - made)} after it was made` : 'never';
  const story = wasOpened || isOpen ? storyOf(model, item, node) : undefined;
  return (
    <details
      open={isOpen}
      onToggle={(event) => {
        if (event.currentTarget.open) setOpened(true);
      }}
    >
      <summary>
        <strong>{nodeName(timeline, node)}</strong> <span class="muted">{[regionOf(timeline, node), state === 'up' ? '' : state].filter(Boolean).join(', ')}</span>{' '}
        <span class="took">{took}</span>
      </summary>
      {story !== undefined && (
        <div class="story">
          <p class="in-short">{story.inShort}</p>
          <ol>
            {story.steps.map((step, index) => (
              <li key={index} class={step.isBad ? 'bad' : ''}>
                <button type="button" class="at" title="Go to this moment" onClick={() => seek(step.at)}>
                  +{millis(step.at - made)} ms
                </button>
                <span>{step.text}</span>
              </li>
            ))}
          </ol>
          <button type="button" onClick={() => store.set({ node })}>
            Show {nodeName(timeline, node)} in the graph
          </button>
        </div>
      )}
    </details>
  );
}
