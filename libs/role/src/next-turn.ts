/** Lets the event loop see to everybody else in the middle of long work. */

/** Resolves in the next turn of the event loop, after what waits for it now. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
