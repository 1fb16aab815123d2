import type { ScheduleWorkflowRequest, Workflow } from '@agent-platform/contracts';
import { AppError, type ErrorCode, type FieldError } from '@agent-platform/errors';
import { ok, UnitOfWork, type Call, type Reply, type WriteTx } from '@agent-platform/messaging';
import { Injectable } from '@nestjs/common';
import { compileDefinition } from '../workflows/compile-definition';
import { parseDurationMs } from '@agent-platform/durations';
import { checkInput } from '../workflows/input-schema';
import { WorkflowsService } from '../workflows/workflows.service';
import { parseCron } from './cron';
import { isTimezone } from './fire-times';

const DAY_MS = 86_400_000;
const MAX_CATCH_UP_MS = 30 * DAY_MS;
const MAX_JITTER_MS = DAY_MS;

/** The schedules of workflows. */
@Injectable()
export class SchedulesService {
  constructor(
    private readonly work: UnitOfWork,
    private readonly workflows: WorkflowsService,
  ) {}

  /**
   * Sets the schedule of a workflow as a whole, or clears it.
   *
   * @throws AppError `schedule.cron.invalid`, `schedule.timezone.unknown`, `request.invalid`, `workflow.input.invalid`,
   *   `workflow.not-found`
   */
  schedule(call: Call, request: ScheduleWorkflowRequest): Promise<Reply> {
    checkSchedule(request);
    return this.work.write(call, async (tx) => {
      const workflow = await this.workflows.getIn(tx, call.rows, request.id);
      if (request.cron === null) await set(tx, [request.id, null]);
      else {
        const { cron, timezone = 'UTC', overlap = 'skip', catchUp = '10m', jitter = '0s', paused = false } = request;
        const { input = {} } = request;
        checkInput(compileDefinition(workflow.definition).validateInput, input);
        await set(tx, [request.id, cron, timezone, overlap, catchUp, jitter, paused, JSON.stringify(input)]);
      }
      const after = await this.workflows.getIn(tx, call.rows, request.id);
      tx.audit({ targetType: 'workflow', targetId: request.id, ...changed(workflow, after) });
      return ok(after);
    });
  }
}

async function set(tx: WriteTx, values: unknown[]): Promise<void> {
  const places = values.map((_, index) => `$${index + 1}`).join(', ');
  try {
    await tx.query({ text: `SELECT workflow.schedule_workflow(${places})`, values });
  } catch (error) {
    // invalid_parameter_value: a time zone that the database does not know, as the expression was read before.
    if ((error as { code?: string }).code !== '22023') throw error;
    const message = 'is a time zone that the database does not know; use another name for it';
    throw invalid('schedule.timezone.unknown', [{ path: 'timezone', message }]);
  }
}

function changed(before: Workflow, after: Workflow) {
  const shown = ({ schedule }: Workflow) => {
    if (!schedule) return { schedule: null };
    const { cron, timezone, overlap, catchUp, jitter, paused } = schedule;
    return { schedule: { cron, timezone, overlap, catchUp, jitter, paused } };
  };
  return { before: shown(before), after: shown(after) };
}

function checkSchedule({ cron, timezone, catchUp, jitter }: ScheduleWorkflowRequest): void {
  if (cron === null) return;
  try {
    parseCron(cron);
  } catch (error) {
    throw invalid('schedule.cron.invalid', [{ path: 'cron', message: (error as Error).message }]);
  }
  if (timezone !== undefined && !isTimezone(timezone)) {
    const message = 'must be an IANA time zone such as Europe/Berlin or UTC';
    throw invalid('schedule.timezone.unknown', [{ path: 'timezone', message }]);
  }
  const errors = [
    ...durationErrors('catchUp', catchUp, MAX_CATCH_UP_MS, 'up to 30 days'),
    ...durationErrors('jitter', jitter, MAX_JITTER_MS, 'up to one day'),
  ];
  if (errors.length > 0) throw invalid('request.invalid', errors);
}

function durationErrors(path: string, value: string | undefined, max: number, limit: string): FieldError[] {
  const ms = value === undefined ? 0 : parseDurationMs(value);
  return ms !== undefined && ms <= max
    ? []
    : [{ path, message: `must be a duration such as "10m" or "PT10M", ${limit}` }];
}

function invalid(code: ErrorCode, errors: readonly FieldError[]): AppError {
  const [first] = errors;
  return new AppError(code, `${first?.path} ${first?.message}.`, { errors });
}
