/** What a pane shows is computed once it comes into sight, after the page was painted: opening a run waits for nothing below the fold. */
import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** How near the window's edge a pane must be, px. */
const NEAR = '200px';

/** Whether an element is, or has been, near the window. */
export function useSeen(element: RefObject<Element | null>): boolean {
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    if (isSeen || element.current === null) return undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) setSeen(true);
      },
      { rootMargin: NEAR },
    );
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [isSeen]);
  return isSeen;
}

/** What `make` gives, once the element is in sight, and again whenever `causes` change; undefined before. */
export function useLater<T>(element: RefObject<Element | null>, make: () => T, causes: readonly unknown[]): T | undefined {
  const isSeen = useSeen(element);
  const [value, setValue] = useState<{ of: T } | undefined>(undefined);
  useEffect(() => {
    if (!isSeen) return undefined;
    const timer = setTimeout(() => setValue({ of: make() }));
    return () => clearTimeout(timer);
  }, [isSeen, ...causes]);
  return value?.of;
}
