/** The page: header, graph, cards, and the scrubber at its foot. Parts of others plug in by the registry. */
import type { ComponentChildren } from 'preact';
import { lab } from './lab/index';
import { panes } from './panes/index';
import type { Part, Place } from './registry';
import { useStore } from './store';

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
  return (
    <main>
      <Parts place="lab" />
      <Parts place="below" />
      <Parts place="wide" />
      <Parts place="lane" bare />
    </main>
  );
}
