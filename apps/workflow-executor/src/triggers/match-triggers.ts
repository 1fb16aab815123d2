import type { CloudEvent } from '@agent-platform/contracts';
import { compileEventFilter, ExpressionErrors, type EventFilter } from '@agent-platform/expressions';
import { LRUCache } from 'lru-cache';
import type { LoggedEvent } from '../engine/event-log';
import { LIMITS } from '../workflows/definition-limits';

/** A trigger as it is stored, with the version that its runs are pinned to. */
export interface StoredTrigger {
  readonly workflowId: string;
  readonly version: number;
  readonly agentId: string;
  readonly event: string;
  readonly filter: string | null;
  readonly madeAt: Date;
}

/** An event that starts a run of a workflow. */
export interface Firing {
  readonly trigger: StoredTrigger;
  readonly logged: LoggedEvent;
}

const filters = new LRUCache<string, EventFilter>({ max: 1000 });

/**
 * What is to be started, in the order of the events: one run of each workflow, however many of its triggers an event fits.
 * Workflows that start each other come to an end: a run that too many have led to fails, and what its end tells starts none.
 */
export function matchTriggers(events: readonly LoggedEvent[], triggers: readonly StoredTrigger[]): Firing[] {
  const byAgent = new Map<string, StoredTrigger[]>();
  for (const trigger of triggers) {
    const known = byAgent.get(trigger.agentId);
    if (known) known.push(trigger);
    else byAgent.set(trigger.agentId, [trigger]);
  }
  return events.flatMap((logged) => {
    if ((logged.event.depth ?? 0) > LIMITS.childLevels + 1) return [];
    const fitting = (byAgent.get(logged.event.agentid) ?? []).filter((trigger) => fits(trigger, logged));
    return [...new Map(fitting.map((trigger) => [trigger.workflowId, { trigger, logged }])).values()];
  });
}

function fits(
  { workflowId, event: pattern, filter, madeAt }: StoredTrigger,
  { event, storedAt }: LoggedEvent,
): boolean {
  if (storedAt < madeAt || !isOfPattern(event.type, pattern) || isOfWorkflow(event, workflowId)) return false;
  return filter === null || filterOf(filter)(event);
}

function isOfPattern(type: string, pattern: string): boolean {
  return pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}

/** What a workflow's own runs and schedule tell of themselves starts it not, or it would go on for ever. */
function isOfWorkflow({ type, data }: CloudEvent, workflowId: string): boolean {
  return type.startsWith('workflow.') && data.workflowId === workflowId;
}

function filterOf(text: string): EventFilter {
  let filter = filters.get(text);
  if (!filter) filters.set(text, (filter = readFilter(text)));
  return filter;
}

/** One that was saved by a version that took what this one refuses lets nothing pass, so that it harms no other. */
function readFilter(text: string): EventFilter {
  try {
    return compileEventFilter(text);
  } catch (error) {
    if (error instanceof ExpressionErrors) return () => false;
    throw error;
  }
}
