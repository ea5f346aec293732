/** What a node was at a moment: up or down, paused, lying, slow. */
import { groupBy, rowsOf, type Groups } from './groups';
import type { Timeline } from './types';

/** What a node is, as four facts that change on their own. */
export interface NodeState {
  up: boolean;
  paused: boolean;
  lying: boolean;
  slow: boolean;
}

/** A node nothing was said of: it runs, and is honest. */
export const HEALTHY: NodeState = { up: true, paused: false, lying: false, slow: false };

/** A state after a change, by the change's name; unknown names change nothing. */
export function changed(state: NodeState, change: string): NodeState {
  switch (change) {
    case 'up':
      return { ...state, up: true };
    case 'down':
      return { ...state, up: false, paused: false };
    case 'paused':
      return { ...state, paused: true };
    case 'resumed':
      return { ...state, paused: false };
    case 'lying':
      return { ...state, lying: true };
    case 'honest':
      return { ...state, lying: false };
    case 'slow':
      return { ...state, slow: true };
    case 'quick':
      return { ...state, slow: false };
    default:
      return state;
  }
}

/** A state in one word, the worst first. */
export function stateWord(state: NodeState): 'down' | 'paused' | 'lying' | 'slow' | 'up' {
  if (!state.up) return 'down';
  if (state.paused) return 'paused';
  if (state.lying) return 'lying';
  return state.slow ? 'slow' : 'up';
}

/** Answers what nodes were. */
export class NodeStates {
  private readonly groups: Groups;
  /** Nodes that something happened to, in order. */
  readonly touched: number[];

  constructor(private readonly timeline: Timeline) {
    const { states, nodes } = timeline;
    this.groups = groupBy(states.rows, nodes.rows, (row) => states.node[row]);
    this.touched = [];
    for (let node = 0; node < nodes.rows; node++) {
      if (this.groups.start[node + 1] > this.groups.start[node]) this.touched.push(node);
    }
  }

  /** What a node is at `t`. One whose first change is that it comes up was down before. */
  at(node: number, t: number): NodeState {
    const { states, header } = this.timeline;
    const rows = rowsOf(this.groups, node);
    if (rows.length === 0) return HEALTHY;
    const isBorn = header.states[states.state[rows[0]]] === 'up';
    let state: NodeState = isBorn ? { ...HEALTHY, up: false } : HEALTHY;
    for (const row of rows) {
      if (states.at[row] > t) break;
      state = changed(state, header.states[states.state[row]]);
    }
    return state;
  }

  /** The changes of a node: when (µs) and what, in order. */
  changes(node: number): { at: number; change: string }[] {
    const { states, header } = this.timeline;
    return Array.from(rowsOf(this.groups, node), (row) => ({ at: states.at[row], change: header.states[states.state[row]] }));
  }
}
