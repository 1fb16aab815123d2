import { ConfigError, loadConfig } from '@agent-platform/config';
import { within } from './within';

/** What a process of ours has started. */
interface Running {
  readonly probePort: number | undefined;
  stop(): Promise<void>;
}

/** A stop that takes longer is given up: the orchestrator would kill the process anyway. */
const STOP_TIMEOUT_MS = 25_000;
/** A start that is to stop may finish within this. */
const START_GRACE_MS = 1000;

/**
 * The life of one process: reads its configuration, starts, stops on SIGTERM and SIGINT, and when the process that
 * started it goes away. A failed start is one clear line and exit code 1.
 */
export async function runMain<Config extends object>(
  name: string,
  ConfigClass: new () => Config,
  start: (config: Config) => Promise<Running>,
): Promise<void> {
  let starting: Promise<Running> | undefined;
  let running: Running | undefined;
  stopOnSignals(name, async () => {
    // A start that is nearly there may have taken something, and hands it back; one that still waits has nothing.
    if (!running && starting) await within(START_GRACE_MS, starting);
    await running?.stop();
  });
  try {
    starting = start(loadConfig(ConfigClass, process.env));
    running = await starting;
    process.send?.({ ready: name, port: running.probePort });
  } catch (error) {
    process.stderr.write(`${name}: ${error instanceof ConfigError ? error.message : describe(error)}\n`);
    process.exit(1);
  }
}

/** Calls `stop` once, on the first of SIGTERM, SIGINT and the loss of the parent process, then exits. */
export function stopOnSignals(name: string, stop: () => Promise<void>): void {
  let stopping = false;
  const handle = () => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => {
      process.stderr.write(`${name}: did not stop within ${STOP_TIMEOUT_MS / 1000} s\n`);
      process.exit(1);
    }, STOP_TIMEOUT_MS).unref();
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${name}: ${describe(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', handle);
  process.on('SIGINT', handle);
  process.on('disconnect', handle);
}

/** The message of an error and of what caused it, on one line. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.message || (error as { code?: string }).code || error.name;
  return error.cause instanceof Error ? `${own} (${describe(error.cause)})` : own;
}
