import {
  COMMAND_NAME,
  COMMAND_NAME_MESSAGE,
  type Command,
  type Json,
  type JsonObject,
} from '@agent-platform/contracts';
import { Injectable } from '@nestjs/common';
import { CommandIssuer, type CommandDraft } from '../commands/command-issuer';
import { CommandStore } from '../commands/command-store';
import type { Activity, StepResult } from '../engine/activity';
import { Interrupted } from '../engine/interrupted';
import { StepFailure } from '../engine/step-failure';
import { whenReachable } from './when-reachable';

/** How soon it is looked again whether a command whose time is over has been ended. */
const LOOK_AGAIN_MS = 500;
const KINDS_OF_RECEIVERS = ['id', 'name', 'skill'];

/** The step type `agent`: a command as the run's agent, answered by the result. */
@Injectable()
export class AgentStep {
  constructor(
    private readonly issuer: CommandIssuer,
    private readonly commands: CommandStore,
  ) {}

  /** One command for a step, however often it is taken over. @throws StepFailure */
  async perform(activity: Activity): Promise<StepResult> {
    const { run, path } = activity;
    const { stored, sleepers } = run;
    try {
      let isNoted = activity.record?.status === 'waiting';
      for (;;) {
        const { rousals } = sleepers;
        const command = await whenReachable(activity, () => this.commands.find(stored, path));
        if (!command) {
          await this.send(activity);
          continue;
        }
        if (!isNoted) noteWaiting(activity, command);
        isNoted = true;
        if (command.endedAt !== null) return { output: outputOf(command) };
        const until = Math.max(Date.parse(command.expiresAt), Date.now() + LOOK_AGAIN_MS);
        await activity.sleep(until, { type: 'agent', commandId: command.id, agentId: command.toAgentId }, rousals);
      }
    } catch (error) {
      // Nobody waits for its result any more.
      if (error instanceof Interrupted && !error.leavesNoTrace) await this.commands.cancelOf(stored.id, path);
      throw error;
    }
  }

  private async send(activity: Activity): Promise<void> {
    const { stored } = activity.run;
    const { timeoutMs } = activity.step;
    const draft: CommandDraft = {
      ...readCommand(activity.input()),
      fromAgentId: stored.agentId,
      timeoutSeconds: timeoutMs === undefined ? undefined : Math.max(Math.ceil(timeoutMs / 1000), 1),
    };
    // A run that is not stored yet may never be, and nobody could rouse it.
    activity.note({ status: 'running', attempt: 1, input: activity.input(), startedAt: new Date().toISOString() });
    await activity.run.journal.flush();
    activity.signal.throwIfAborted();
    await whenReachable(activity, async () =>
      this.commands.send(stored, activity.path, await this.issuer.issue(draft)),
    );
  }
}

/** The command that a step's resolved fields describe. @throws StepFailure */
export function readCommand({
  to,
  command,
  payload = {},
}: JsonObject): Pick<CommandDraft, 'to' | 'command' | 'payload'> {
  if (typeof command !== 'string' || !COMMAND_NAME.test(command)) throw invalid(`command ${COMMAND_NAME_MESSAGE}.`);
  if (!isObject(payload)) throw invalid('payload must be an object.');
  const [kind = '', ...others] = isObject(to) ? Object.keys(to) : [];
  const receiver = isObject(to) ? to[kind] : undefined;
  if (others.length > 0 || !KINDS_OF_RECEIVERS.includes(kind) || typeof receiver !== 'string') {
    throw invalid('to must be one of {id}, {name} and {skill}, with text.');
  }
  return { to: kind === 'skill' ? `skill:${receiver}` : receiver, command, payload };
}

function noteWaiting(activity: Activity, { id, toAgentId, createdAt, expiresAt }: Command): void {
  const input = { ...activity.input(), commandId: id, toAgentId };
  activity.note({ status: 'waiting', attempt: 1, input, startedAt: createdAt, wakeAt: expiresAt });
}

/** @throws StepFailure for a command that was not completed */
function outputOf({ id, status, result, error, expiresAt }: Command): Json {
  if (status === 'completed') return result;
  if (status === 'expired')
    throw new StepFailure('step.timeout', `The command ${id} was not answered before ${expiresAt}.`);
  const why = error ? ` (${error.code}: ${error.detail})` : '';
  throw new StepFailure('step.command.failed', `The command ${id} ended as ${status}${why}.`);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(detail: string): StepFailure {
  return new StepFailure('step.input.invalid', detail);
}
