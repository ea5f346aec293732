/** How the square of the layout is put on the canvas: zoomed and moved. Pure. */

/** What part is seen: `scale` 1 shows all; `x` and `y` are what stands in the middle, 0 to 1. */
export interface View {
  scale: number;
  x: number;
  y: number;
}

/** All of it. */
export const WHOLE: View = { scale: 1, x: 0.5, y: 0.5 };
const SCALE_MAX = 60;
const MARGIN = 24;
/** Room above for the words in the corner, which a round layout leaves free by itself. */
const TITLE = 58;

/** A view on a canvas of a size: what turns places into pixels and back. */
export interface Projection {
  /** Pixels a unit. */
  unit: { x: number; y: number };
  /** Where the layout's 0, 0 stands. */
  left: number;
  top: number;
}

/** Puts a view on a canvas. The layout fills a wide canvas, but is stretched by at most 1.75: circles (`isRound`) stay circles. */
export function project(view: View, width: number, height: number, isRound: boolean): Projection {
  const above = isRound ? MARGIN : TITLE;
  const [w, h] = [Math.max(10, width - 2 * MARGIN), Math.max(10, height - MARGIN - above)];
  const side = Math.min(w, h);
  const stretch = isRound ? 1 : 1.75;
  const unit = { x: Math.min(w, side * stretch) * view.scale, y: Math.min(h, side * stretch) * view.scale };
  return { unit, left: width / 2 - view.x * unit.x, top: (height + above - MARGIN) / 2 - view.y * unit.y };
}

/** Zooms by a factor, so that what is under a pixel stays there. */
export function zoomAt(view: View, factor: number, px: number, py: number, width: number, height: number, isRound: boolean): View {
  const scale = Math.min(SCALE_MAX, Math.max(1, view.scale * factor));
  const before = project(view, width, height, isRound);
  const x = (px - before.left) / before.unit.x;
  const y = (py - before.top) / before.unit.y;
  const after = project({ ...view, scale }, width, height, isRound);
  return kept({ scale, x: view.x + x - (px - after.left) / after.unit.x, y: view.y + y - (py - after.top) / after.unit.y });
}

/** Moves by pixels. */
export function moved(view: View, dx: number, dy: number, width: number, height: number, isRound: boolean): View {
  const { unit } = project(view, width, height, isRound);
  return kept({ ...view, x: view.x - dx / unit.x, y: view.y - dy / unit.y });
}

/** Keeps the layout in sight: the whole stays in the middle, and a part can't be moved beyond its edge. */
function kept(view: View): View {
  if (view.scale <= 1.0001) return WHOLE;
  const half = 0.5 / view.scale;
  const clamp = (middle: number): number => Math.min(1 - half * 0.5, Math.max(half * 0.5, middle));
  return { scale: view.scale, x: clamp(view.x), y: clamp(view.y) };
}
