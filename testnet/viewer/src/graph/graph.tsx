/** The graph of one run: two canvases, one for what rests and one for what moves; pointer, zoom, choice of a node. */
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { momentIn } from '../aligned';
import { useCanvas, type Board } from '../canvas';
import { share } from '../format';
import { timed } from '../frames';
import { store, useStore, type Run } from '../store';
import { wantsStillness } from '../theme';
import { paintMoving } from './moving';
import { Pointers } from './pointers';
import { paintResting, type Pixels } from './resting';
import { between, makeScene, nearest, type Scene } from './scene';
import { project, WHOLE, zoomAt, type View } from './view';
import type { Places } from './places';

/** From one layout to another, ms. */
const MOVE_MS = 600;
/** Larger graphs jump from one layout to another. */
const MOVED_NODES_MAX = 3000;
/** A click this near to a node is on it, pixels. */
const REACH = 16;

/** What changes without the store: the view, the pointer, a layout under way. */
interface Live {
  view: View;
  hover: number | null;
  pixels: Pixels;
  /** Places under way to others, since a moment of real time. */
  move: { from: Places; since: number } | null;
  /** What the resting layer was painted for. */
  resting: string;
}

/** The graph. */
export function Graph({ run, name }: { run: Run; name: string }): ComponentChildren {
  const layout = useStore((state) => state.layout);
  const colouring = useStore((state) => state.colouring);
  const wanted = useStore((state) => state.item);
  const scale = useStore((state) => state.runs[state.shown]) ?? run;
  const item = wanted !== null && wanted < run.timeline.items.rows ? wanted : null;
  const resting = useRef<HTMLCanvasElement>(null);
  const moving = useRef<HTMLCanvasElement>(null);
  const live = useRef<Live>({ view: WHOLE, hover: null, pixels: { x: new Float32Array(), y: new Float32Array() }, move: null, resting: '' });
  const last = useRef<Scene | null>(null);
  const scene = useMemo(() => {
    const made = makeScene({ run, layout, item, colouring, scale }, last.current);
    const before = last.current;
    const isMove = before !== null && before.run === run && before.places !== made.places;
    if (isMove && run.timeline.nodes.rows <= MOVED_NODES_MAX && !wantsStillness()) live.current.move = { from: before.places, since: performance.now() };
    last.current = made;
    return made;
  }, [run, layout, item, colouring, scale]);
  const [zoomed, setZoomed] = useState(false);

  const againResting = useCanvas(resting, [], (board) => paintBack(board, scene, live.current));
  const again = useCanvas(moving, ['t', 'node'], (board) =>
    timed(() => {
      const isMoving = place(board, scene, live.current);
      const { view, pixels, hover } = live.current;
      const { node } = store.state;
      const t = momentOf(scene);
      const wish = `${view.scale} ${view.x} ${view.y} ${board.width} ${board.height} ${scene.links.version(t)} ${isMoving ? performance.now() : layout} ${item}`;
      if (wish !== live.current.resting) {
        live.current.resting = wish;
        againResting();
      }
      const isRound = layout === 'arrival';
      paintMoving(board, scene, pixels, project(view, board.width, board.height, isRound), view.scale, t, { node, hover });
      return isMoving;
    }),
  );

  const show = (view: View): void => {
    live.current.view = view;
    setZoomed(view.scale > 1);
    again();
  };
  const zoom = (factor: number): void => {
    const canvas = moving.current;
    if (canvas === null) return;
    const { clientWidth, clientHeight } = canvas;
    show(zoomAt(live.current.view, factor, clientWidth / 2, clientHeight / 2, clientWidth, clientHeight, layout === 'arrival'));
  };
  useEffect(() => {
    if (moving.current === null) return undefined;
    return new Pointers(moving.current, {
      view: () => live.current.view,
      isRound: () => store.state.layout === 'arrival',
      show,
      hover: (x, y) => {
        const found = x === null || y === null ? null : nearest(live.current.pixels.x, live.current.pixels.y, x, y, REACH);
        if (moving.current !== null) moving.current.style.cursor = found === null ? (live.current.view.scale > 1 ? 'grab' : 'default') : 'pointer';
        if (found === live.current.hover) return;
        live.current.hover = found;
        again();
      },
      click: (x, y) => store.set({ node: nearest(live.current.pixels.x, live.current.pixels.y, x, y, REACH) }),
    }).stop;
  }, []);

  return (
    <div class="graph">
      <canvas ref={resting} aria-hidden="true" />
      <canvas ref={moving} role="img" aria-label={describe(run, item, name, momentOf(scene))} style={{ touchAction: zoomed ? 'none' : 'pan-y' }} />
      <div class="zoom" role="group" aria-label={`Zoom of the graph of ${name}`}>
        <button type="button" aria-label="Zoom in" title="Zoom in (Ctrl and the wheel, or pinch)" onClick={() => zoom(1.5)}>
          +
        </button>
        <button type="button" aria-label="Zoom out" title="Zoom out" onClick={() => zoom(1 / 1.5)}>
          −
        </button>
        {zoomed && (
          <button type="button" aria-label="Show all" title="Show all (double click)" onClick={() => show(WHOLE)}>
            ⤢
          </button>
        )}
      </div>
    </div>
  );
}

/** Sets where nodes are on the canvas; gives whether they are still under way. */
function place(board: Board, scene: Scene, live: Live): boolean {
  let { places } = scene;
  const { move } = live;
  if (move !== null) {
    const part = (performance.now() - move.since) / MOVE_MS;
    if (part >= 1) live.move = null;
    else places = between(move.from, scene.places, Math.max(0, part));
  }
  const { unit, left, top } = project(live.view, board.width, board.height, scene.layout === 'arrival');
  live.pixels = { x: places.x.map((x) => left + x * unit.x), y: places.y.map((y) => top + y * unit.y) };
  return live.move !== null;
}

function paintBack(board: Board, scene: Scene, live: Live): void {
  if (live.pixels.x.length !== scene.places.x.length) place(board, scene, live);
  paintResting(board, scene, live.pixels, project(live.view, board.width, board.height, scene.layout === 'arrival'), momentOf(scene));
}

/** The moment that a scene shows. */
function momentOf({ run, scale, item }: Scene): number {
  return momentIn(run, scale, store.state.t, item);
}

function describe(run: Run, item: number | null, name: string, t: number): string {
  const what = item === null ? 'all items' : `item ${item}`;
  return `The graph of ${name}: ${run.timeline.nodes.rows} nodes and their links, coloured by who has ${what}. ${share(run.model.coverage(item, t))} at this moment. The cards beside it say it in words.`;
}
