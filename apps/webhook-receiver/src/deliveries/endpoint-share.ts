/** Deliveries at a time that an endpoint begins with, and how far good answers let it grow. */
const FIRST_LIMIT = 4;
const MAX_LIMIT = 64;
/** Failures in a row after which an endpoint is left alone for a while. A delivery that fails alone has fewer attempts. */
const OPENS_AFTER = 10;
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 60_000;
/** What an endpoint has proved holds this long after its last answer. */
const FORGOTTEN_AFTER_MS = 10 * 60 * 1000;

/**
 * How much of a replica one endpoint may take: its share grows with good answers and shrinks with failures, so that one that never
 * answers holds few places; and after many failures in a row its circuit opens, and one delivery at a time tries whether it is back.
 */
export class EndpointShare {
  inFlight = 0;
  private limit = FIRST_LIMIT;
  private failuresInRow = 0;
  private succeeded = false;
  private closedUntilMs = 0;
  private answeredMs = 0;

  /** Whether it has answered well, the last time too. */
  get isProven(): boolean {
    return this.succeeded && this.failuresInRow === 0;
  }

  /** How many more deliveries may begin now. */
  room(nowMs: number): number {
    if (nowMs < this.closedUntilMs) return 0;
    const limit = this.failuresInRow >= OPENS_AFTER ? 1 : this.limit;
    return Math.max(limit - this.inFlight, 0);
  }

  /** Whether nothing need be remembered of it. */
  isForgettable(nowMs: number): boolean {
    return this.inFlight === 0 && nowMs > this.answeredMs + FORGOTTEN_AFTER_MS;
  }

  begin(): void {
    this.inFlight++;
  }

  /** @param ok undefined where the endpoint was not asked */
  end(ok: boolean | undefined, nowMs: number): void {
    this.inFlight--;
    if (ok === undefined) return;
    this.answeredMs = nowMs;
    if (ok) {
      this.succeeded = true;
      this.failuresInRow = 0;
      this.closedUntilMs = 0;
      this.limit = Math.min(this.limit + 1, MAX_LIMIT);
      return;
    }
    this.failuresInRow++;
    this.limit = Math.max(Math.floor(this.limit / 2), 1);
    if (this.failuresInRow < OPENS_AFTER) return;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (this.failuresInRow - OPENS_AFTER), MAX_PAUSE_MS);
    this.closedUntilMs = nowMs + pauseMs;
  }
}
