/** Components that are drawn anew when something changes that isn't in the store. */
import { useEffect, useReducer } from 'preact/hooks';

/** Who is told of changes. */
export type Listeners = Set<() => void>;

/** Draws the component anew whenever the listeners are called. */
export function useListeners(listeners: Listeners): void {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const listener = (): void => redraw(undefined);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }, [listeners]);
}
