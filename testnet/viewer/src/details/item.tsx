/** The chosen item at the moment, in words. */
import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import { bytes, count, share, time } from '../format';
import { hashOf, itemKind, nodeName } from '../names';
import { seek } from '../play/playback';
import { store, useStore, type Run } from '../store';
import { Fate } from '../timeline/types';
import { familyOf } from '../timeline/families';
import { Fact } from './fact';

/** How many times an item was carried by `t`, arrived or not, and in how many bytes. */
export function carried(run: Run, item: number, t: number): { copies: number; bytes: number; mentions: number; lost: number } {
  const { messages, header } = run.timeline;
  const sum = { copies: 0, bytes: 0, mentions: 0, lost: 0 };
  for (const row of run.model.messagesOf(item)) {
    if (messages.sent[row] > t) break;
    const family = familyOf(header.kinds[messages.kind[row]]);
    if (family === 'item' || family === 'block') {
      sum.copies++;
      sum.bytes += messages.bytes[row];
    } else sum.mentions++;
    if (messages.fate[row] === Fate.lost || messages.fate[row] === Fate.linkWent) sum.lost++;
  }
  return sum;
}

/** The card of the item. */
export function ItemCard({ run, item }: { run: Run; item: number }): ComponentChildren {
  const t = useStore((state) => state.t, 120);
  const { timeline, model } = run;
  const { items } = timeline;
  const reached = useMemo(() => [0.5, 0.9, 0.99, 1].map((part) => ({ part, at: model.moments.reached(part, item) })), [model, item]);
  const sums = carried(run, item, t);
  const origin = items.origin[item] - 1;
  return (
    <section class="card details" aria-labelledby="item">
      <h2 id="item">
        Item {item} <span class="sort">{itemKind(timeline, item)}</span>
      </h2>
      <dl class="facts">
        <Fact name="Hash">
          <code>{hashOf(timeline, item)}…</code>
        </Fact>
        <Fact name="Size">{bytes(items.size[item])}</Fact>
        <Fact name="Made">
          at <button type="button" class="link" onClick={() => seek(items.at[item])}>{time(items.at[item])}</button>
          {origin >= 0 && (
            <>
              {' by '}
              <button type="button" class="link" onClick={() => store.set({ node: origin })}>
                {nodeName(timeline, origin)}
              </button>
            </>
          )}
        </Fact>
        <Fact name="Now">
          {share(model.coverage(item, t))} of the nodes have it
        </Fact>
        <Fact name="Sent so far">
          {count(sums.copies, 'copy', 'copies')} ({bytes(sums.bytes)}), named in {count(sums.mentions, 'other message')}
          {sums.lost > 0 && `, ${sums.lost} of all lost`}
        </Fact>
        <Fact name="Reached">
          <span class="reached">
            {reached.map(({ part, at }) => (
              <span key={part}>
                {part * 100} %{' '}
                {Number.isFinite(at) ? (
                  <button type="button" class="link" onClick={() => seek(at)}>
                    {time(at - items.at[item])}
                  </button>
                ) : (
                  'never'
                )}
              </span>
            ))}
          </span>
        </Fact>
      </dl>
    </section>
  );
}
