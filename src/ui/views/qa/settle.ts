/** Frames after which a position counts as reached, and the most that are waited for. */
const calmFrames = 8;
const maxFrames = 60;

/**
 * Scrolls until the distance to the goal stays zero: blocks that come into view take their real heights, and
 * panels beside the text may still open. Stops when the reader scrolls.
 */
export function settle(scroller: HTMLElement, distance: () => number): void {
  let frames = 0;
  let calm = 0;
  let stopped = false;
  const stop = (): void => {
    stopped = true;
  };
  const events = ['wheel', 'touchstart', 'pointerdown', 'keydown'] as const;
  for (const name of events) scroller.addEventListener(name, stop, { passive: true, once: true });
  const step = (): void => {
    const away = distance();
    if (Math.abs(away) >= 1) {
      const before = scroller.scrollTop;
      scroller.scrollTop += away;
      // At the end of the text there is nowhere to go.
      calm = scroller.scrollTop === before ? calm + 1 : 0;
    } else calm++;
    frames++;
    if (!stopped && calm < calmFrames && frames < maxFrames) requestAnimationFrame(step);
    else for (const name of events) scroller.removeEventListener(name, stop);
  };
  step();
}
