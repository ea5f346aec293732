/** Runs side by side, in figures: which are drawn in the charts, which one the graph shows, and what each cost. */
import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { bytes, share, time } from '../format';
import { store, useStore, type Run } from '../store';
import { Swatch } from './chart';
import { drawn, isCompared, sameItem, setCompared, useChoice } from './compared';
import { figuresOf, timesOf, type Figures } from './figures';
import { useLater } from './later';

/** A run's figures, and the times of the chosen item. */
interface Row {
  figures: Figures;
  times: number[];
}

/** The table. */
export function Compare(): ComponentChildren {
  const frame = useRef<HTMLDivElement>(null);
  const runs = useStore((state) => state.runs);
  const shown = useStore((state) => state.shown);
  const item = useStore((state) => state.item);
  useChoice();
  const rows = useLater(frame, () => runs.map((run) => rowOf(run, item, runs[shown])), [runs, item, shown]);
  const seeds = new Set(runs.map((run) => run.timeline.header.seed));
  const what = item === null ? 'the median item' : `item ${item}`;
  return (
    <div ref={frame}>
      <p class="note">
        {runs.length === 1 ? 'Open up to five more runs to compare: drop their files here, or tidings-testnet view A B.' : differences(seeds.size > 1)}
      </p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Figures of the runs">
        <table class="compare">
          <caption>Times until {what} had reached so many nodes; the other columns are of the whole run</caption>
          <thead>
            <tr>
              <th scope="col">Run</th>
              {runs.length > 1 && <th scope="col">Charts</th>}
              {runs.length > 1 && <th scope="col">Graph</th>}
              {['t50', 't90', 't99', 'Coverage', 'Redundancy, copies', 'Bytes sent', 'Bytes per byte'].map((name) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {drawn(runs).map(({ run, place, colour, dash }) => (
              <tr key={place}>
                <th scope="row">
                  <Swatch colour={colour} dash={dash} /> {run.name}
                  <small>{run.timeline.header.strategy}</small>
                </th>
                {runs.length > 1 && (
                  <td>
                    <input type="checkbox" aria-label={`Draw ${run.name} in the charts`} checked={isCompared(run)} onChange={(event) => setCompared(run, event.currentTarget.checked)} />
                  </td>
                )}
                {runs.length > 1 && (
                  <td>
                    <input type="radio" name="in-graph" aria-label={`Show ${run.name} in the graph`} checked={place === shown} onChange={() => store.set({ shown: place })} />
                  </td>
                )}
                {cells(rows?.[place]).map((cell, index) => (
                  <td key={index} class="number">
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function differences(isOtherSeed: boolean): string {
  return isOtherSeed
    ? 'These runs have different seeds: their items and links differ, and single items say little.'
    : 'All runs have the same seed: the same items, made at the same nodes and moments.';
}

function rowOf(run: Run, item: number | null, base: Run): Row {
  const figures = figuresOf(run.model);
  if (item === null) return { figures, times: [figures.t50, figures.t90, figures.t99] };
  const own = sameItem(base, item, run);
  return { figures, times: own === null ? [Infinity, Infinity, Infinity] : timesOf(run.model, own) };
}

function cells(row: Row | undefined): string[] {
  if (row === undefined) return Array.from({ length: 7 }, () => '…');
  const { figures, times } = row;
  const number = (value: number | null): string => (value === null ? '–' : value.toFixed(2));
  return [...times.map(time), share(figures.coverage), number(figures.redundancy), figures.bytes === 0 ? '–' : bytes(figures.bytes), number(figures.bytesPerByte || null)];
}
