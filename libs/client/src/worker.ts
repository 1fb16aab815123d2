import { AgentPlatformError } from './errors';
import type { Domains } from './generated/operations';
import type { Command, Json, RespondRequest } from './generated/types';
import type { Proofs, Proven } from './proof';
import { delay } from './retry';

/** Does what a command asks for, and answers its result. What it throws fails the command, with its `code` if it has one. */
export type CommandHandler = (command: Command, context: CommandContext) => Promise<Json | void> | Json | void;

export interface CommandContext {
  /** Who asked for it, and for what, signed by the platform. */
  readonly proven: Proven;
  /** Aborts when the command may not be answered any more: it was taken back, has expired, or its lease is lost. */
  readonly signal: AbortSignal;
}

export interface WorkerOptions {
  /** Commands that are done at a time. Default 1. */
  readonly concurrency?: number;
  /** How long a command is this worker's when nothing is heard of it; the lease is renewed while it is being done. Default 60. */
  readonly leaseSeconds?: number;
  /** Told of what goes wrong beside a command: the worker goes on. Default: `console.error`. */
  readonly onError?: (error: unknown, command?: Command) => void;
}

type Answer = Omit<RespondRequest, 'id'>;

/** How long one question for commands waits. */
const WAIT_SECONDS = 5;
const PAUSE_MS = 1000;
/** What nobody can mend by waiting. */
const FINAL = ['auth.credentials.invalid', 'auth.agent.not-active'];
/** An answer that comes too late, or twice. */
const OVER = ['command.answered', 'command.expired', 'command.cancelled', 'command.not-found'];

/** Takes the commands of an agent, does them, answers them. */
export class Worker {
  /** Resolves once it has stopped. Rejects when the platform refuses its key for good. */
  readonly done: Promise<void>;
  private readonly stopping = new AbortController();
  private readonly underWay = new Set<Promise<void>>();
  private readonly concurrency: number;
  private readonly leaseSeconds: number;

  constructor(
    private readonly me: Domains['me'],
    private readonly proofs: Proofs,
    private readonly handler: CommandHandler,
    private readonly options: WorkerOptions = {},
  ) {
    this.concurrency = options.concurrency ?? 1;
    this.leaseSeconds = options.leaseSeconds ?? 60;
    this.done = this.run();
    // Who does not wait for it is told of its end as of any error.
    this.done.catch((error: unknown) => this.report(error));
  }

  /** Takes no more commands; resolves when those under way are answered, at most some five seconds after them. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.done.catch(() => undefined);
  }

  private async run(): Promise<void> {
    try {
      while (!this.stopping.signal.aborted) {
        if (this.underWay.size >= this.concurrency) await Promise.race(this.underWay);
        else await this.take(this.concurrency - this.underWay.size);
      }
    } finally {
      await Promise.all(this.underWay);
    }
  }

  private async take(limit: number): Promise<void> {
    try {
      const { leaseSeconds } = this;
      // With others under way a short question: their places are free before a long one is over.
      const wait = this.underWay.size > 0 ? 1 : WAIT_SECONDS;
      const { data } = await this.me.commands({ wait, limit, leaseSeconds });
      for (const command of data) {
        // What came while the worker was told to stop goes to another one at once.
        if (this.stopping.signal.aborted) await this.me.respond({ id: command.id, status: 'working', leaseSeconds: 1 });
        else this.begin(command);
      }
    } catch (error) {
      if (error instanceof AgentPlatformError && FINAL.includes(error.code)) throw error;
      this.report(error);
      await delay(PAUSE_MS, this.stopping.signal);
    }
  }

  private begin(command: Command): void {
    const work = this.perform(command)
      .catch((error: unknown) => this.report(error, command))
      .finally(() => this.underWay.delete(work));
    this.underWay.add(work);
  }

  private async perform(command: Command): Promise<void> {
    const lost = new AbortController();
    const renewal = setInterval(() => void this.renew(command, lost), (this.leaseSeconds * 1000) / 3);
    try {
      const answer = await this.answerTo(command, lost.signal);
      // An answer that does not get through leaves the command to its lease: it is not told to have failed when it was done.
      await this.me.respond({ id: command.id, ...answer }).catch((error: unknown) => {
        if (!isUnfit(error)) throw error;
        // It would be refused again, and the command be done again for it.
        return this.me.respond({ id: command.id, status: 'failed', error: failureOf(error) });
      });
    } finally {
      clearInterval(renewal);
    }
  }

  /** @throws AgentPlatformError where the proof cannot be checked now */
  private async answerTo(command: Command, signal: AbortSignal): Promise<Answer> {
    let proven: Proven;
    try {
      proven = await this.proofs.verify(command);
    } catch (error) {
      if (error instanceof AgentPlatformError && error.code !== 'client.proof.invalid') throw error;
      return { status: 'failed', error: failureOf(error) };
    }
    try {
      return { status: 'completed', result: (await this.handler(command, { proven, signal })) ?? null };
    } catch (error) {
      return { status: 'failed', error: failureOf(error) };
    }
  }

  private async renew(command: Command, lost: AbortController): Promise<void> {
    try {
      await this.me.respond({ id: command.id, status: 'working', leaseSeconds: this.leaseSeconds });
    } catch (error) {
      if (error instanceof AgentPlatformError && OVER.includes(error.code)) lost.abort(error);
      else this.report(error, command);
    }
  }

  private report(error: unknown, command?: Command): void {
    const { onError = (each: unknown) => console.error(each) } = this.options;
    onError(error, command);
  }
}

/** Of a result that the platform does not take, whenever it is sent: too large, or no JSON. */
function isUnfit(error: unknown): boolean {
  return !(error instanceof AgentPlatformError) || [400, 413, 422].includes(error.status);
}

/** What the sender is told: the code and the sentence of what was thrown. */
function failureOf(error: unknown): { code: string; detail: string } {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return {
    code: typeof code === 'string' && code !== '' ? code.slice(0, 128) : 'command.failed',
    detail: (typeof message === 'string' && message !== '' ? message : 'The command could not be done.').slice(0, 2000),
  };
}
