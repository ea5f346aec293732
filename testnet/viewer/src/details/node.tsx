/** The chosen node at the moment, in words, with its ladder. */
import type { ComponentChildren } from 'preact';
import { bytes, count, share, time } from '../format';
import { Ladder } from '../ladder/ladder';
import { nodeName, regionOf } from '../names';
import { seek } from '../play/playback';
import { store, useStore, type Run } from '../store';
import { OWN } from '../timeline/journey';
import { stateWord } from '../timeline/states';
import { Fact } from './fact';

const STATE_WORDS = { up: 'runs', down: 'is down', paused: 'is paused', lying: 'lies', slow: 'is slow' } as const;

/** Bytes that a node sent by `t`, in all. */
export function sentBy(run: Run, node: number, t: number): number {
  const { kinds, table } = run.model.bytesByNodeAndKind(t);
  let sum = 0;
  for (let column = 0; column < kinds.length; column++) sum += table[node * kinds.length + column];
  return sum;
}

/** The card of the node. */
export function NodeCard({ run, node, more }: { run: Run; node: number; more: ComponentChildren }): ComponentChildren {
  const t = useStore((state) => state.t, 120);
  const item = useStore((state) => state.item);
  const { timeline, model } = run;
  const region = regionOf(timeline, node).replaceAll('_', ' ');
  const state = stateWord(model.stateOf(node, t));
  const up = model.linksOf(node).filter((link) => model.isLinkUp(link, t));
  const dialled = up.filter((link) => timeline.links.from[link] === node).length;
  const held = model.heldBy(node, t);
  const changes = model.changesOf(node);
  return (
    <section class="card details" aria-labelledby="node">
      <h2 id="node">
        {nodeName(timeline, node)} {region !== '' && <span class="sort">{region}</span>}
        <button type="button" class="close" aria-label="Choose no node" title="Choose no node (Esc)" onClick={() => store.set({ node: null })}>
          ×
        </button>
      </h2>
      <dl class="facts">
        <Fact name="Now">
          {STATE_WORDS[state]}, {count(up.length, 'link')} ({dialled} dialled by it)
        </Fact>
        <Fact name="Has">
          {count(held, 'item')}, {share(held / Math.max(1, model.itemsUntil(t)))} of those made so far
        </Fact>
        <Fact name="Sent">{bytes(sentBy(run, node, t))}</Fact>
        {item !== null && (
          <Fact name={`Item ${item}`}>
            <Arrival run={run} node={node} item={item} t={t} />
          </Fact>
        )}
        {changes.length > 0 && (
          <Fact name="Faults">
            {changes.slice(0, 8).map(({ at, change }) => (
              <span key={`${at}${change}`} class="change">
                {change} at{' '}
                <button type="button" class="link" onClick={() => seek(at)}>
                  {time(at)}
                </button>
              </span>
            ))}
          </Fact>
        )}
      </dl>
      {more}
      <Ladder run={run} node={node} />
    </section>
  );
}

function Arrival({ run, node, item, t }: { run: Run; node: number; item: number; t: number }): ComponentChildren {
  const { model, timeline } = run;
  const at = model.firstAt(item)[node];
  if (!Number.isFinite(at)) return <>never had it in this run</>;
  const { parent, hops } = model.tree(item);
  const late = (
    <button type="button" class="link" onClick={() => seek(at)}>
      {time(at - timeline.items.at[item])}
    </button>
  );
  const rank = model.firstAt(item).reduce((before, other) => before + (other < at ? 1 : 0), 1);
  if (parent[node] === OWN) return <>made it, or had it in a block ({late} after it was made)</>;
  return (
    <>
      {at <= t ? 'had it' : 'will have it'} after {late}, as the {ordinal(rank)} of {timeline.nodes.rows}, from{' '}
      <button type="button" class="link" onClick={() => store.set({ node: parent[node] })}>
        {nodeName(timeline, parent[node])}
      </button>
      , {count(hops[node], 'hop')} from where it was made
    </>
  );
}

/** 1st, 2nd, 3rd, 4th, … */
export function ordinal(number: number): string {
  const tens = number % 100;
  const ending = tens >= 11 && tens <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][number % 10] ?? 'th');
  return `${number}${ending}`;
}
