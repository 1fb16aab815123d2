import type { JsonObject } from '../json';

/** `skip` drops the due run, `allow` starts it beside, `queue` after, `cancel` ends the one under way first. */
export const OVERLAPS = ['skip', 'allow', 'queue', 'cancel'] as const;
export type Overlap = (typeof OVERLAPS)[number];

/** When a workflow starts by itself. A due minute starts exactly one run. */
export class Schedule {
  readonly workflowId!: string;
  /** Null once it is cleared. */
  readonly cron!: string | null;
  readonly timezone!: string;
  readonly overlap!: Overlap;
  readonly catchUp!: string;
  readonly jitter!: string;
  readonly paused!: boolean;
  readonly input!: JsonObject;
  /** Null while it is paused or cleared. */
  readonly nextFireAt!: string | null;
  readonly lastFiredAt!: string | null;
}
