import {
  checkRateLimit,
  getRemainingRequests,
  recordRequest,
  type RateLimit,
  type RequestLog,
} from '@agent-platform/shared-security';
import { LRUCache } from 'lru-cache';
import { subscriberOf } from './client-address';

const WINDOW_MS = 60_000;
/** Clients that are watched at a time; the one that failed longest ago is forgotten first. */
const MAX_CLIENTS = 10_000;

/** Counts failed authentications by client address, in an exact sliding window on this replica. */
export class Attempts {
  private readonly logs = new LRUCache<string, RequestLog>({ max: MAX_CLIENTS });
  private readonly rate: RateLimit;

  constructor(limit: number) {
    this.rate = { limit, windowMs: WINDOW_MS };
  }

  /** Milliseconds until a client may try again; 0 where it may now. */
  waitMs(ip: string | null, nowMs = Date.now()): number {
    const log = this.logs.get(subscriberOf(ip));
    if (!log || checkRateLimit(log, this.rate, nowMs)) return 0;
    return (log[0] ?? nowMs) + WINDOW_MS - nowMs;
  }

  /** Notes a failed one. */
  failed(ip: string | null, nowMs = Date.now()): void {
    const client = subscriberOf(ip);
    const log = this.logs.get(client) ?? [];
    // Beyond the limit nothing is noted: whoever goes on trying is let in again once its first failures are old.
    if (getRemainingRequests(log, this.rate, nowMs) > 0) recordRequest(log, this.rate, nowMs);
    this.logs.set(client, log);
  }
}
