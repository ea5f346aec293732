/** What went wrong on purpose, as spans of time in rows that don't overlap. Pure. */
import type { Model } from '../timeline/model';

/** One thing that was wrong for a while. */
export interface Span {
  /** A word: `kill`, `partition`, `slow`, … */
  kind: string;
  /** µs. */
  from: number;
  /** µs; the end of the run if it was never mended. */
  to: number;
  /** Whether it was mended. */
  isOver: boolean;
  text: string;
  nodes: readonly number[];
}

/** A row of the lane. */
export type Lane = Span[];

/** Words of the changes that begin and end a state, and what it is called. */
const STATES: Record<string, { ends: string[]; kind: string }> = {
  down: { ends: ['up'], kind: 'down' },
  paused: { ends: ['resumed', 'down'], kind: 'paused' },
  lying: { ends: ['honest'], kind: 'lying' },
  slow: { ends: ['quick'], kind: 'slow' },
};

/** All spans of a run: its faults, and what became of nodes that no fault names. In the order of their beginnings. */
export function spansOf(model: Model): Span[] {
  const { faults } = model.timeline.header;
  const spans: Span[] = faults.map((fault) => ({
    kind: fault.kind,
    from: fault.at_us,
    to: fault.until_us ?? model.end,
    isOver: fault.until_us !== null,
    text: fault.text,
    nodes: fault.nodes,
  }));
  const isTold = (node: number, at: number): boolean =>
    spans.some((span, index) => index < faults.length && span.from <= at && at <= span.to && (span.nodes.length === 0 || span.nodes.includes(node)));
  const found = new Map<string, Span & { nodes: number[] }>();
  for (const node of model.touchedNodes) {
    for (const { kind, from, to, isOver } of statesOf(model, node)) {
      if (isTold(node, from)) continue;
      const key = `${kind} ${from} ${to}`;
      const span = found.get(key);
      if (span === undefined) found.set(key, { kind, from, to, isOver, text: '', nodes: [node] });
      else span.nodes.push(node);
    }
  }
  return [...spans, ...found.values()].sort((a, b) => a.from - b.from || a.to - b.to);
}

/** How long a node was down, paused, lying and slow. */
function statesOf(model: Model, node: number): { kind: string; from: number; to: number; isOver: boolean }[] {
  const changes = model.changesOf(node);
  return changes.flatMap(({ at, change }, index) => {
    const state = STATES[change];
    if (state === undefined) return [];
    const end = changes.slice(index + 1).find((later) => state.ends.includes(later.change));
    return [{ kind: state.kind, from: at, to: end?.at ?? model.end, isOver: end !== undefined }];
  });
}

/** Puts spans into at most `most` rows, each into the first that is free; what finds none stands in the last, over others. */
export function lanesOf(spans: readonly Span[], most: number): Lane[] {
  const lanes: Lane[] = [];
  for (const span of spans) {
    let lane = lanes.find((row) => (row.at(-1) as Span).to <= span.from);
    if (lane === undefined && lanes.length < most) {
      lane = [];
      lanes.push(lane);
    }
    (lane ?? (lanes.at(-1) as Lane)).push(span);
  }
  return lanes;
}
