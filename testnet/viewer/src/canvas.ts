/** A canvas that follows its size, the screen's density, the theme and the store, and is painted at most once a frame. */
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { store, type Key } from './store';
import { onColours } from './theme';

/** What a picture is painted with: a context scaled to CSS pixels, cleared. */
export interface Board {
  context: CanvasRenderingContext2D;
  /** CSS pixels. */
  width: number;
  height: number;
  /** Device pixels a CSS pixel. */
  density: number;
}

/** The width of the thinnest line, CSS pixels: one of the device. Without a graphics card thousands of wider ones take ten times as long. */
export function hair(board: Board): number {
  return 1 / board.density;
}

/** More than this many device pixels a CSS pixel nobody sees. */
const DENSITY_MAX = 2;

/**
 * Paints a canvas whenever one of `keys` of the store changed, its size or the colours did, or `again()` (what the hook gives) is called.
 * While `paint` gives true, it is called each frame: something moves.
 */
export function useCanvas(canvas: RefObject<HTMLCanvasElement | null>, keys: readonly Key[], paint: (board: Board) => boolean | void): () => void {
  const latest = useRef(paint);
  latest.current = paint;
  const again = useRef<() => void>(() => undefined);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (!element || !context) return undefined;
    let frame = 0;
    const draw = (): void => {
      frame = 0;
      const density = Math.min(DENSITY_MAX, window.devicePixelRatio || 1);
      const { clientWidth: width, clientHeight: height } = element;
      if (width === 0 || height === 0) return;
      const [wide, high] = [Math.round(width * density), Math.round(height * density)];
      if (element.width !== wide || element.height !== high) {
        element.width = wide;
        element.height = high;
      }
      context.setTransform(density, 0, 0, density, 0, 0);
      context.clearRect(0, 0, width, height);
      if (latest.current({ context, width, height, density }) === true) ask();
    };
    const ask = (): void => {
      if (frame === 0) frame = requestAnimationFrame(draw);
    };
    again.current = ask;
    const size = new ResizeObserver(ask);
    size.observe(element);
    const stops = [
      onColours(ask),
      store.subscribe((_, changed) => {
        if (keys.some((key) => changed.has(key))) ask();
      }),
    ];
    ask();
    return () => {
      cancelAnimationFrame(frame);
      size.disconnect();
      for (const stop of stops) stop();
    };
  }, [canvas]);
  // Whatever made the component draw anew may be on the picture.
  useEffect(() => again.current());
  return () => again.current();
}
