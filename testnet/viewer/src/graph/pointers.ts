/** Mouse, pen and fingers on the graph: move, zoom, point, choose. */
import { moved, WHOLE, zoomAt, type View } from './view';

/** What pointers do. Pixels are those of the canvas. */
export interface Doings {
  view: () => View;
  isRound: () => boolean;
  show: (view: View) => void;
  hover: (x: number | null, y: number | null) => void;
  click: (x: number, y: number) => void;
}

/** A pointer that moved less is a click, pixels. */
const STILL = 5;

/** Listens to a canvas. */
export class Pointers {
  private readonly down = new Map<number, { x: number; y: number }>();
  private isClick = false;
  /** Stops listening. */
  readonly stop: () => void;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly doings: Doings,
  ) {
    const listeners: [string, (event: never) => void, AddEventListenerOptions?][] = [
      ['pointerdown', (event: PointerEvent) => this.press(event)],
      ['pointermove', (event: PointerEvent) => this.move(event)],
      ['pointerup', (event: PointerEvent) => this.release(event)],
      ['pointercancel', (event: PointerEvent) => this.down.delete(event.pointerId)],
      ['pointerleave', () => doings.hover(null, null)],
      ['dblclick', () => doings.show(WHOLE)],
      ['wheel', (event: WheelEvent) => this.wheel(event), { passive: false }],
    ];
    for (const [name, listener, options] of listeners) canvas.addEventListener(name, listener as EventListener, options);
    this.stop = () => {
      for (const [name, listener] of listeners) canvas.removeEventListener(name, listener as EventListener);
    };
  }

  private at(event: MouseEvent): { x: number; y: number } {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  private press(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.isClick = this.down.size === 0;
    this.down.set(event.pointerId, this.at(event));
    this.canvas.setPointerCapture(event.pointerId);
  }

  private move(event: PointerEvent): void {
    const now = this.at(event);
    const before = this.down.get(event.pointerId);
    if (before === undefined) {
      this.doings.hover(now.x, now.y);
      return;
    }
    if (this.isClick && Math.hypot(now.x - before.x, now.y - before.y) < STILL) return;
    this.isClick = false;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const isRound = this.doings.isRound();
    const other = [...this.down].find(([id]) => id !== event.pointerId)?.[1];
    if (other === undefined) {
      if (this.doings.view().scale > 1) this.doings.show(moved(this.doings.view(), now.x - before.x, now.y - before.y, width, height, isRound));
    } else {
      const factor = Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      this.doings.show(zoomAt(this.doings.view(), factor, (now.x + other.x) / 2, (now.y + other.y) / 2, width, height, isRound));
    }
    this.down.set(event.pointerId, now);
  }

  private release(event: PointerEvent): void {
    const was = this.down.delete(event.pointerId);
    const { x, y } = this.at(event);
    if (was && this.isClick) this.doings.click(x, y);
  }

  /** Zooms by Ctrl (or Cmd) and the wheel, which is also what a touchpad's pinch is; the wheel alone scrolls the page. */
  private wheel(event: WheelEvent): void {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const { x, y } = this.at(event);
    const { clientWidth, clientHeight } = this.canvas;
    this.doings.show(zoomAt(this.doings.view(), Math.exp(-event.deltaY * 0.004), x, y, clientWidth, clientHeight, this.doings.isRound()));
  }
}
