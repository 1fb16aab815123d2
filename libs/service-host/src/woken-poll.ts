interface WokenPollOptions {
  readonly everyMs: number;
  /** How long after a wake-up the pass begins, so that those that follow closely make one. */
  readonly gatherMs?: number;
  /** @param isDue false where only a wake-up asks for it */
  readonly pass: (isDue: boolean) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Makes passes one after the other: soon after a wake-up, and every so often without one. */
export class WokenPoll {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private again = false;
  private isDue = false;
  private stopped = false;

  constructor(private readonly options: WokenPollOptions) {}

  start(): void {
    this.timer = setInterval(() => {
      this.isDue = true;
      this.wake();
    }, this.options.everyMs);
  }

  wake(): void {
    if (this.running) {
      this.again = true;
      return;
    }
    if (this.stopped) return;
    this.running = this.passSoon().finally(() => {
      this.running = undefined;
      if (this.again) {
        this.again = false;
        this.wake();
      }
    });
  }

  /** Waits for the pass that is under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.running;
  }

  private async passSoon(): Promise<void> {
    const { gatherMs = 0, pass, onError } = this.options;
    await new Promise((resolve) => setTimeout(resolve, gatherMs));
    const { isDue } = this;
    this.isDue = false;
    try {
      await pass(isDue);
    } catch (error) {
      onError(error);
    }
  }
}
