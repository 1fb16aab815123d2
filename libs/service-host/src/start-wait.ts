import type { Lifecycle, Logger } from '@agent-platform/observability';

const RETRY_MS = 500;
/** How often it is said what is waited for. */
const SAY_MS = 5000;

/** Something that a start needs is not there, and may come without anybody changing this service: waiting may help. */
export class NotThereYet extends Error {
  /** @param what `NATS`, `PostgreSQL`, `migrations` */
  constructor(
    readonly what: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'NotThereYet';
  }
}

interface StartWaitParts {
  readonly seconds: number;
  readonly lifecycle: Lifecycle;
  readonly logger: Logger;
}

/** How long one start waits in all for what it needs. */
export class StartWait {
  private readonly deadline: number;

  constructor(private readonly parts: StartWaitParts) {
    this.deadline = Date.now() + parts.seconds * 1000;
  }

  /**
   * Tries until it succeeds or the time is up.
   *
   * @param attempt throws `NotThereYet` where another try may help; any other error is final
   * @throws Error with one clear line
   */
  async until<T>(attempt: () => Promise<T>): Promise<T> {
    const { seconds, lifecycle, logger } = this.parts;
    let said: string | undefined;
    for (let nextSaid = 0; ;) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof NotThereYet)) throw error;
        const left = this.deadline - Date.now();
        if (left <= 0) {
          if (seconds === 0) throw error;
          throw new Error(`Waited ${seconds} s in vain for ${error.what}.`, { cause: error });
        }
        lifecycle.waits(`waits for ${error.what}`);
        if (Date.now() >= nextSaid || error.what !== said) {
          said = error.what;
          nextSaid = Date.now() + SAY_MS;
          const secondsLeft = Math.ceil(left / 1000);
          logger.warn({ msg: `the start waits for ${error.what}`, why: error.message, secondsLeft });
        }
        await new Promise((resolve) => setTimeout(resolve, Math.min(RETRY_MS, left)));
      }
    }
  }
}
