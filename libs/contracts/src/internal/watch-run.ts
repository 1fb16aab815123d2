import type { Run, RunStep } from '../run/run';

/** Asked by the gateway for the stream of a run. */
export interface WatchRunRequest {
  readonly agent: { readonly id: string; readonly seesAll: boolean };
  readonly runId: string;
  /** What was seen before, as `version` of an answer; null at first. */
  readonly after: string | null;
  /** How long to wait for a change where there is none; 0 to 20 000. */
  readonly waitMs: number;
}

export interface WatchRunReply {
  /** Null: there is no such run for this agent. */
  readonly run: Run | null;
  /** Those that have changed since; all of them at first. */
  readonly steps: readonly RunStep[];
  /** To be named in the next question. */
  readonly version: string;
  readonly changed: boolean;
  /** A version that cannot be used. */
  readonly refused?: { readonly code: 'request.invalid'; readonly detail: string };
}
