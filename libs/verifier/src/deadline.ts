/** Waiting for an end, but not for ever. */

/** Resolves when `promise` does or when `deadlineMs` milliseconds have passed, whichever is first. */
export async function withinDeadline(promise: Promise<void>, deadlineMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs);
  });
  try {
    await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
