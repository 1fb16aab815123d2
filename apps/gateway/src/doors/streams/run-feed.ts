import { INTERNAL_CALLS, type WatchRunReply, type WatchRunRequest } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import type { Bus } from '@agent-platform/messaging';
import { createHash } from 'node:crypto';
import type { Feed, Poll, Portion, StreamMessage } from './feed';

/** One run and its steps, from the executor: what has changed since the portion before, and the end. */
export class RunFeed implements Feed {
  /** The run as it was at a version; a run may be large, and most changes are those of its steps. */
  private told: { readonly version: string; readonly hash: string } | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly runId: string,
  ) {}

  async next({ reader, after, waitMs, timeoutMs, signal }: Poll): Promise<Portion> {
    const question: WatchRunRequest = {
      agent: reader,
      runId: this.runId,
      after,
      waitMs,
    };
    const { subject } = INTERNAL_CALLS.watchRun;
    const { run, steps, version, refused } = await this.bus.call<WatchRunReply>(subject, question, timeoutMs, signal);
    if (refused) throw new AppError(refused.code, refused.detail);
    if (!run) throw new AppError('run.not-found', `There is no run ${this.runId}.`);
    const text = JSON.stringify(run);
    const hash = createHash('sha256').update(text).digest('base64');
    const isTold = this.told?.version === after && this.told.hash === hash;
    this.told = { version, hash };
    const ended = run.endedAt !== null;
    const messages: StreamMessage[] = [
      ...(isTold ? [] : [{ event: 'run', data: text }]),
      ...steps.map((step) => ({ event: 'step', data: JSON.stringify(step) })),
      ...(ended ? [{ event: 'end', data: JSON.stringify({ id: run.id, status: run.status }) }] : []),
    ];
    return { messages: identified(messages, version), position: version, ended };
  }
}

/** All that one version has brought belongs together: a client that has read it to its end goes on from there, no other. */
function identified(messages: readonly StreamMessage[], id: string): StreamMessage[] {
  return messages.map((message, index) => (index === messages.length - 1 ? { ...message, id } : message));
}
