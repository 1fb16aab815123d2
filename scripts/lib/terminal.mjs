// What the scripts print. Nothing here needs an installed package.

/** A failure that is told in its own words, without a stack. */
export class Stop extends Error {}

/** Runs one step and prints a line with its time; while it takes long, says every 10 s that it goes on. */
export async function step(what, work) {
  const startedAt = performance.now();
  const seconds = () => ((performance.now() - startedAt) / 1000).toFixed(1);
  const ticker = setInterval(() => console.log(`  … ${what} (${seconds()} s)`), 10_000);
  try {
    const result = await work();
    console.log(`  ✓ ${what} (${seconds()} s)`);
    return result;
  } catch (error) {
    console.log(`  ✗ ${what} (${seconds()} s)`);
    throw error;
  } finally {
    clearInterval(ticker);
  }
}

/** Runs the main function of a script; a failure is one clear message and exit code 1. */
export function run(main) {
  main().catch((error) => {
    console.error(`\n  ${error instanceof Stop ? error.message : (error.stack ?? error)}\n`);
    process.exit(1);
  });
}
