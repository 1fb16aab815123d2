import {
  MAX_BATCHED_CALLS,
  serviceOf,
  type ActionDefinition,
  type JsonObject,
  type ServiceName,
} from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import type { Origin } from '../../pipeline/audit-trail';
import type { Forwarder } from '../../pipeline/forwarder';
import type { Known } from '../../pipeline/identity-cache';
import type { AnswerSize } from './answer-size';

/** Of one read: an id and a few filters. Two hundred longer ones would not fit a message. */
const MAX_PARAMS_LENGTH = 4096;

interface ReadAnswer {
  readonly status: number;
  readonly body: unknown;
}

interface Waiting {
  readonly action: ActionDefinition;
  readonly params: JsonObject;
  readonly resolve: (answer: ReadAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** What a batch needs of who makes it. */
interface Gate {
  /** Who asks, where it may call the action. A refusal is told of once, for all of the batch. @throws GraphQLError */
  readonly admit: (action: ActionDefinition) => Promise<Known>;
  /** Pays for a request. @throws GraphQLError */
  readonly take: (identity: Known, action: ActionDefinition) => Promise<void>;
  /** Does a read, and tells of what goes wrong with it, however many fields want it. @throws GraphQLError */
  readonly report: (
    action: ActionDefinition,
    params: JsonObject,
    work: () => Promise<ReadAnswer>,
  ) => Promise<ReadAnswer>;
  /** How much has been answered so far. */
  readonly size: () => AnswerSize;
}

/**
 * Gathers reads that come up together, such as those of one level of a query, and makes one request of those of each service. The same read is
 * made once.
 */
export class ReadBatches {
  private known = new Map<string, Promise<ReadAnswer>>();
  private waiting = new Map<ServiceName, Waiting[]>();

  constructor(
    private readonly forwarder: Forwarder,
    private readonly origin: Origin,
    private readonly gate: Gate,
  ) {}

  read(action: ActionDefinition, params: JsonObject): Promise<ReadAnswer> {
    const text = JSON.stringify(params);
    const key = `${action.name} ${text}`;
    let answer = this.known.get(key);
    if (!answer) {
      answer = this.gate.report(action, params, () => {
        if (text.length > MAX_PARAMS_LENGTH) throw tooLong();
        return new Promise((resolve, reject) => this.add({ action, params, resolve, reject }));
      });
      this.known.set(key, answer);
    }
    return answer;
  }

  /** What was read is read again from now on. */
  forget(): void {
    this.known.clear();
  }

  private add(read: Waiting): void {
    // Once the event loop comes round, all fields of the level have asked.
    if (this.waiting.size === 0) setImmediate(() => this.send());
    const service = serviceOf(read.action);
    const others = this.waiting.get(service);
    if (others) others.push(read);
    else this.waiting.set(service, [read]);
  }

  private send(): void {
    const { waiting } = this;
    this.waiting = new Map();
    for (const [service, reads] of waiting) void this.ask(service, reads);
  }

  private async ask(service: ServiceName, reads: readonly Waiting[]): Promise<void> {
    const admitted: Waiting[] = [];
    let identity: Known | undefined;
    for (const action of new Set(reads.map((read) => read.action))) {
      const its = reads.filter((read) => read.action === action);
      try {
        identity = await this.gate.admit(action);
        admitted.push(...its);
      } catch (error) {
        its.forEach(({ reject }) => reject(error));
      }
    }
    try {
      let left = admitted;
      for (let [first] = left; identity && first; [first] = left) {
        const batch = left.slice(0, MAX_BATCHED_CALLS);
        this.gate.size().checkRoom();
        await this.gate.take(identity, first.action);
        const { answers, bytes } = await this.forwarder.forwardReads(this.origin, identity, service, batch);
        this.gate.size().receive(bytes);
        const unanswered = batch.filter(({ resolve }, index) => {
          const answer = answers[index];
          if (answer) resolve(answer);
          return !answer;
        });
        left = [...unanswered, ...left.slice(MAX_BATCHED_CALLS)];
      }
    } catch (error) {
      admitted.forEach(({ reject }) => reject(error));
    }
  }
}

function tooLong(): AppError {
  return new AppError(
    'request.invalid',
    `The arguments of a field within another one may have ${MAX_PARAMS_LENGTH} characters together.`,
  );
}
