/** Resolves when the work has ended, or its time has; fails where the work fails in time. */
export function within(ms: number, work: Promise<unknown>): Promise<unknown> {
  return Promise.race([work, new Promise((resolve) => setTimeout(resolve, ms).unref())]);
}

/** Whether work has ended within a time. @throws what it throws in time */
export async function endsWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  return (
    (await within(
      ms,
      work.then(() => true),
    )) === true
  );
}
