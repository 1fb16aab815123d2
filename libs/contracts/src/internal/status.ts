import type { ServiceName } from '../services';
import type { Time } from '../json';

/** Who answers the question for its status. */
export type PlatformPart = ServiceName | 'gateway';

/** How one replica of a service is doing, as it says itself. */
export interface ReplicaStatus {
  readonly service: PlatformPart;
  /** Of this start of this replica. */
  readonly instance: string;
  readonly version: string;
  /** The commit that it was built from; null where that is not known. */
  readonly build: string | null;
  readonly startedAt: Time;
  readonly uptimeSeconds: number;
  readonly ready: boolean;
  /** `ok`, or why not. */
  readonly checks: Readonly<Record<string, string>>;
  /** What waits to be handed on; null for a service without tables, or where it cannot be read now. Counted to 10 000. */
  readonly outbox: { readonly rows: number; readonly oldestSeconds: number } | null;
  /** Depths of queues and lags by name, counted to 10 000; null where one cannot be read now. */
  readonly queues: Readonly<Record<string, number | null>>;
}
