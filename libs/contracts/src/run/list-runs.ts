import { IsBoolean, IsIn, IsObject, IsOptional, IsRFC3339, IsUUID } from 'class-validator';
import { IsTime } from '../is-time';
import { defineAction } from '../define-action';
import type { Integer, JsonObject } from '../json';
import { Page, PageRequest } from '../page';
import { Run, RUN_STATUSES, TRIGGER_TYPES, type RunStatus, type TriggerType } from './run';

/** How many runs there are of each status; 10000 stands for 10 000 and more. */
export type RunCounts = Readonly<Record<RunStatus, Integer>>;

export class RunPage extends Page {
  /** Where they were asked for. */
  readonly counts?: RunCounts;
}

export class ListRunsRequest extends PageRequest {
  @IsOptional()
  @IsUUID()
  readonly workflowId?: string;

  @IsOptional()
  @IsIn(RUN_STATUSES)
  readonly status?: RunStatus;

  /** Of the runs that the caller sees. */
  @IsOptional()
  @IsUUID()
  readonly agentId?: string;

  @IsOptional()
  @IsIn(TRIGGER_TYPES)
  readonly trigger?: TriggerType;

  /** At this time or later. */
  @IsOptional()
  @IsRFC3339()
  @IsTime()
  readonly createdAfter?: string;

  /** Before this time. */
  @IsOptional()
  @IsRFC3339()
  @IsTime()
  readonly createdBefore?: string;

  /** What the metadata of the run must hold; as JSON in a query string. */
  @IsOptional()
  @IsObject()
  readonly metadata?: JsonObject;

  /** Adds `page.counts`: how many runs there are of each status over the same filters, up to 10 000. */
  @IsOptional()
  @IsBoolean()
  readonly counts?: boolean;
}

/** The agent's runs, newest first. */
export const listRuns = defineAction({
  name: 'run.list',
  capability: 'workflow_read',
  effect: 'read',
  http: { method: 'GET', path: '/v1/runs', success: 200 },
  request: ListRunsRequest,
  reply: Run,
  list: true,
  page: RunPage,
  summary:
    "The agent's runs, newest first, by workflow, status, agent, trigger, time or metadata, with counts if asked.",
  example: { status: 'failed', limit: 20 },
});
