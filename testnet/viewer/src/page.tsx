/** The page: header, graph, cards, and the scrubber at its foot. Parts of others plug in by the registry. */
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { momentIn } from './aligned';
import { ItemCard } from './details/item';
import { NodeCard } from './details/node';
import { Find } from './find/find';
import { count, share } from './format';
import { Graph } from './graph/graph';
import { Legend } from './graph/legend';
import { Toolbar } from './graph/toolbar';
import { lab } from './lab/index';
import { summary } from './names';
import { panes } from './panes/index';
import { listenToKeys, nextTheme } from './play/keyboard';
import type { Part, Place } from './registry';
import { Controls } from './scrubber/controls';
import { Scrubber } from './scrubber/scrubber';
import { Help } from './shell/help';
import { DropZone, OpenButton, Start } from './shell/start';
import { store, useStore, type Run } from './store';
import { RUN_COLOURS } from './theme';

const parts: readonly Part[] = [...panes, ...lab];

/** Parts of a place that can be shown now. */
export function Parts({ place, bare = false }: { place: Place; bare?: boolean }): ComponentChildren {
  const hasRun = useStore((state) => state.runs.length > 0);
  return parts
    .filter((part) => part.place === place && (hasRun || !part.needsRun))
    .map(({ id, title, Component }) =>
      bare ? (
        <Component key={id} />
      ) : (
        <section key={id} class={`card ${place}`} aria-labelledby={id}>
          <h2 id={id}>{title}</h2>
          <Component />
        </section>
      ),
    );
}

/** The whole page. */
export function Page(): ComponentChildren {
  const hasRun = useStore((state) => state.runs.length > 0);
  const isLab = useStore((state) => state.lab);
  useEffect(listenToKeys, []);
  const hasLab = lab.length > 0;
  return (
    <>
      <Top hasLab={hasLab} />
      <Notice />
      <main>
        {isLab && hasLab && (
          <div class="lab-panel">
            <Parts place="lab" />
          </div>
        )}
        {!hasRun && <Start hasLab={hasLab} />}
        {hasRun && <Stage />}
        {hasRun && (
          <div class="cards">
            <Parts place="below" />
            <Parts place="wide" />
          </div>
        )}
      </main>
      {hasRun && (
        <footer class="foot" aria-label="Time">
          <Controls />
          <div class="lanes">
            <Parts place="lane" bare />
            <Scrubber />
          </div>
        </footer>
      )}
      <Help />
      <DropZone />
    </>
  );
}

/** The graph (or two of them), and beside it what is chosen, in words. */
function Stage(): ComponentChildren {
  const runs = useStore((state) => state.runs);
  const shown = useStore((state) => state.shown);
  const beside = useStore((state) => state.beside);
  const item = useStore((state) => state.item);
  const node = useStore((state) => state.node);
  const run = runs[shown];
  const other = beside === null ? undefined : runs[beside];
  return (
    <div class="stage">
      <section class="card pictures" aria-labelledby="graph">
        <h2 id="graph" class="unseen">
          The network: who has what at this moment
        </h2>
        <Toolbar />
        <div class={other === undefined ? 'graphs' : 'graphs two'}>
          {[shown, ...(beside === null ? [] : [beside])].map((place) => (
            <figure key={place} style={`--run: var(--${RUN_COLOURS[place % RUN_COLOURS.length]})`}>
              {other !== undefined && <figcaption>{runs[place].name}</figcaption>}
              <Covered run={runs[place]} />
              <Graph run={runs[place]} name={runs[place].name} />
            </figure>
          ))}
        </div>
        <Legend run={run} item={item} />
      </section>
      <div class="beside">
        {item !== null && <ItemCard run={run} item={item} />}
        {node !== null && <NodeCard run={run} node={node} more={<Parts place="node" bare />} />}
        {node === null && <p class="hint card">Click a node, or find one by its number, to see its messages and what it was told by whom.</p>}
      </div>
    </div>
  );
}

/** How much of the network has the item now, large. */
function Covered({ run }: { run: Run }): ComponentChildren {
  const item = useStore((state) => state.item);
  const t = useStore((state) => momentIn(run, state.runs[state.shown], state.t, item), 60);
  const within = item !== null && item < run.timeline.items.rows ? item : null;
  const covered = run.model.coverage(within, t);
  const nodes = run.timeline.nodes.rows;
  return (
    <p class="share">
      <strong>{share(covered)}</strong>
      <span>{within === null ? 'of all that was made is delivered' : `${Math.round(covered * nodes)} of ${count(nodes, 'node')} have item ${within}`}</span>
    </p>
  );
}

function Top({ hasLab }: { hasLab: boolean }): ComponentChildren {
  const run = useStore((state) => state.runs[state.shown]);
  const theme = useStore((state) => state.theme);
  const isLab = useStore((state) => state.lab);
  return (
    <header class="top">
      <div class="title">
        <p class="kicker">Tidings · timeline</p>
        <h1>{run?.timeline.header.title ?? 'See gossip travel'}</h1>
        {run !== undefined && <p class="summary">{summary(run.timeline)}</p>}
      </div>
      <div class="tools">
        <Find />
        {hasLab && (
          <button type="button" aria-pressed={isLab} onClick={() => store.set({ lab: !isLab })}>
            Laboratory
          </button>
        )}
        {run !== undefined && <OpenButton words="Open" />}
        <button type="button" title="Dark, light, or as the system (t)" onClick={nextTheme}>
          {theme === 'system' ? 'Auto' : theme === 'dark' ? 'Dark' : 'Light'}
        </button>
        <button type="button" title="Keys (?)" aria-label="Keys" onClick={() => store.set({ help: true })}>
          ?
        </button>
      </div>
      <Runs />
    </header>
  );
}

function Runs(): ComponentChildren {
  const runs = useStore((state) => state.runs);
  const shown = useStore((state) => state.shown);
  const beside = useStore((state) => state.beside);
  if (runs.length < 2) return null;
  return (
    <div class="runs" role="group" aria-label="Runs: which is shown, and which stands beside it">
      {runs.map((run, place) => (
        <span key={place} class="run" style={`--run: var(--${RUN_COLOURS[place % RUN_COLOURS.length]})`}>
          <button type="button" aria-pressed={place === shown} title={run.timeline.header.title} onClick={() => store.set({ shown: place })}>
            {run.name}
          </button>
          {place !== shown && (
            <button type="button" class="beside" aria-pressed={place === beside} title={`Show ${run.name} beside it`} onClick={() => store.set({ beside: place === beside ? null : place })}>
              beside
            </button>
          )}
        </span>
      ))}
    </div>
  );
}

function Notice(): ComponentChildren {
  const notice = useStore((state) => state.notice);
  const run = useStore((state) => state.runs[state.shown]);
  const limits = run === undefined ? [] : limitsOf(run.timeline.header);
  return (
    <div class="notices" aria-live="polite">
      {notice !== null && (
        <p class="notice">
          {notice}
          <button type="button" onClick={() => store.set({ notice: null })}>
            Dismiss
          </button>
        </p>
      )}
      {limits.map((limit) => (
        <p key={limit} class="notice quiet">
          {limit}
        </p>
      ))}
    </div>
  );
}

/** What a timeline doesn't show, or why its run doesn't count. */
function limitsOf(header: { kept_items_one_of: number; dropped_rows: number; invalid_reasons: string[] }): string[] {
  const said = header.invalid_reasons.map((reason) => `This run doesn't count: ${reason}`);
  if (header.kept_items_one_of > 1) said.push(`Of all items, one of ${header.kept_items_one_of} is followed: the run was larger than a timeline's bound.`);
  if (header.dropped_rows > 0) said.push(`${header.dropped_rows.toLocaleString('en-GB')} rows were left out: the run was larger than a timeline's bound.`);
  return said;
}
