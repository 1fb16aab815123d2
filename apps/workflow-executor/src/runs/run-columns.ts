import type { Run, RunStep, RunWithSteps, StepStatus } from '@agent-platform/contracts';
import { rfc3339 } from '@agent-platform/database';
import type { CompiledDefinition } from '../workflows/definition';

/** The columns of a run `r` as its readers see them. */
export const RUN_COLUMNS = `r.id, r.workflow_id AS "workflowId", r.workflow_version AS "workflowVersion",
  r.agent_id AS "agentId", 
  CASE WHEN r.trigger_event_id IS NULL THEN json_build_object('type', r.trigger_type)
    ELSE json_build_object('type', r.trigger_type, 'eventId', r.trigger_event_id) END AS trigger, r.status, r.input, r.output, r.error,
  r.waiting_for AS "waitingFor", ${rfc3339('r.resumes_at')} AS "resumesAt",
  r.retried_from_run_id AS "retriedFromRunId", r.parent_run_id AS "parentRunId", r.metadata,
  ${rfc3339('r.created_at')} AS "createdAt", ${rfc3339('r.started_at')} AS "startedAt", ${rfc3339('r.ended_at')} AS "endedAt"`;

/** The columns of a step `s` as its readers see them. */
const STEP_COLUMNS = `s.step_id AS id, s.path, s.type, s.status, s.attempt, s.error,
  CASE WHEN s.fits THEN s.input END AS input, CASE WHEN s.fits THEN s.output END AS output,
  ${rfc3339('s.started_at')} AS "startedAt", ${rfc3339('s.ended_at')} AS "endedAt"`;

/** Of one answer, so that it fits a message of the bus. */
const MAX_STEPS_SHOWN = 5000;
const MAX_CONTENT_BYTES = 4 * 1024 * 1024;

/** A recorded step, and whether its input and output fit into the answer. */
export interface RecordedStep extends RunStep {
  readonly fits: boolean;
}

/** Steps `s` as they are shown, those at the top first. */
const stepsWhere = (condition: string) => `SELECT ${STEP_COLUMNS}, s.fits FROM (
    SELECT s.*,
      sum(octet_length(coalesce(s.input::text, '')) + octet_length(coalesce(s.output::text, '')))
        OVER (ORDER BY s.path <> s.step_id, s.started_at, s.path) <= ${MAX_CONTENT_BYTES} AS fits
    FROM workflow.workflow_run_steps s
    WHERE ${condition}
    ORDER BY s.path <> s.step_id, s.started_at, s.path LIMIT ${MAX_STEPS_SHOWN + 1}
  ) s`;

/** The recorded steps of the run $1; $2 is the path of a step to show with what is inside of it, or null. */
export const RECORDED_STEPS = stepsWhere(`s.run_id = $1 AND ($2::text IS NULL OR s.path = $2
      OR (starts_with(s.path, $2) AND substr(s.path, length($2) + 1, 1) IN ('.', '[', '#', ':')))`);

/** The steps of a run `r` that were written since the snapshot $2, or all without one, as JSON. */
export const CHANGED_STEPS = `(SELECT coalesce(json_agg(c ORDER BY c.path <> c.id, c."startedAt", c.path), '[]')
  FROM (${stepsWhere(`s.run_id = r.id AND ($2::text IS NULL OR workflow.written_since(s.xmin, $2::pg_snapshot))`)}) AS c)`;

/**
 * A run with all steps of its definition, each followed by the steps inside of it, its further visits and what undid it, as
 * they began. A step that was not reached is `pending`, or `cancelled` once the run has ended.
 */
export function withSteps(run: Run, recorded: readonly RecordedStep[], definition: CompiledDefinition): RunWithSteps {
  const families = new Map<string, RunStep[]>(definition.steps.map(({ id }) => [id, []]));
  for (const step of recorded.slice(0, MAX_STEPS_SHOWN)) families.get(topOf(step.path))?.push(shownStep(step));
  const steps = definition.steps.flatMap(({ id, type }) => {
    const family = families.get(id) ?? [];
    const own = family.find(({ path }) => path === id) ?? unreached(id, type, run);
    return [own, ...family.filter(({ path }) => path !== id).sort(byBeginning)];
  });
  return { ...run, steps, ...(recorded.length > MAX_STEPS_SHOWN && { stepsLeftOut: true }) };
}

/** A recorded step as its readers see it. */
export function shownStep({ fits, ...step }: RecordedStep): RunStep {
  return fits ? step : { ...step, truncated: true };
}

/** Whether a step is the one of a path, or inside of it. */
export function isAtOrInside(path: string, of: string): boolean {
  return path === of || (path.startsWith(of) && /^[.[#:]/.test(path.slice(of.length)));
}

/** The id of the step at the top that a path belongs to: `fan` of `fan.left.call`, `fan[3].call`, `fan#2` and `fan:compensate`. */
function topOf(path: string): string {
  return /^[^.[#:]+/.exec(path)?.[0] ?? path;
}

const PATH_ORDER = new Intl.Collator('en', { numeric: true });

function byBeginning(a: RunStep, b: RunStep): number {
  const [first, second] = [a, b].map(({ startedAt, endedAt }) => startedAt ?? endedAt ?? '');
  return first === second ? PATH_ORDER.compare(a.path, b.path) : (first ?? '') < (second ?? '') ? -1 : 1;
}

/** The steps at the top of a definition that a run has not reached. */
export function unreachedSteps(run: Run, reached: ReadonlySet<string>, { steps }: CompiledDefinition): RunStep[] {
  return steps.filter(({ id }) => !reached.has(id)).map(({ id, type }) => unreached(id, type, run));
}

function unreached(id: string, type: string, { endedAt }: Run): RunStep {
  const status: StepStatus = endedAt === null ? 'pending' : 'cancelled';
  const nothing = { input: null, output: null, error: null, startedAt: null, endedAt: null };
  return { id, path: id, type, status, attempt: 0, ...nothing };
}
