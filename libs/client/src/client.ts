import { AgentPlatformError } from './errors';
import { OPERATIONS, type Domains, type Operation } from './generated/operations';
import type { JsonObject } from './generated/types';
import { requestGraphQL } from './graphql';
import { Paged, type ListPage } from './paged';
import { Proofs, type Proven } from './proof';
import type { Command } from './generated/types';
import { Sender, type Answer, type CallOptions, type ClientOptions } from './sender';
import { Streams } from './streams';
import { Worker, type CommandHandler, type WorkerOptions } from './worker';

/** The platform, as one agent sees it. */
export interface AgentPlatform extends Domains {
  readonly streams: Streams;
  /**
   * Calls an action by its name, such as `workflow.list`, and gives its answer as it came; also one that this version does not know.
   *
   * @throws AgentPlatformError
   */
  call(action: string, params?: object, options?: CallOptions): Promise<Answer>;
  /** Takes the agent's commands and does them, until it is stopped. */
  work(handler: CommandHandler, options?: WorkerOptions): Worker;
  /** What a command says of who sent it, checked with the keys of the platform. @throws AgentPlatformError `client.proof.invalid` */
  verify(command: Command): Promise<Proven>;
  /** Sends a GraphQL document. @throws GraphQLRequestError where the answer has errors */
  graphql<Data = JsonObject>(query: string, variables?: JsonObject, options?: CallOptions): Promise<Data>;
}

/** Makes a client of a platform. It opens nothing, and holds no connection of its own. */
export function createClient(options: ClientOptions): AgentPlatform {
  const sender = new Sender(options);
  const domains = domainsOf(sender);
  const proofs = new Proofs(sender);
  return {
    ...domains,
    streams: new Streams(sender),
    call: (action, params = {}, callOptions) => {
      const operation = OPERATIONS[action];
      if (operation) return sender.operate(operation, params, callOptions);
      // One of a later version: what it does is not known, and so it is sent as if it changed something.
      const body = JSON.stringify({ action, params });
      return sender.send({ method: 'POST', path: '/v1/actions', body, changes: true }, callOptions);
    },
    work: (handler, workerOptions) => new Worker(domains.me, proofs, handler, workerOptions),
    verify: (command) => proofs.verify(command),
    graphql: (query, variables, callOptions) => requestGraphQL(sender, query, variables, callOptions),
  };
}

/** The methods of all actions, `agent.rotate_key` as `agent.rotateKey`. */
function domainsOf(sender: Sender): Domains {
  const domains: Record<string, Record<string, unknown>> = {};
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    const [domain = '', verb = ''] = name.split('.');
    const method = verb.replace(/_(\w)/g, (_whole, letter: string) => letter.toUpperCase());
    (domains[domain] ??= {})[method] = operation.list ? lister(sender, operation) : caller(sender, operation);
  }
  return domains as unknown as Domains;
}

function caller(sender: Sender, operation: Operation) {
  return async (params: object = {}, options?: CallOptions): Promise<unknown> => {
    const { body } = await sender.operate(operation, params, options);
    return (body as { data: unknown } | undefined)?.data;
  };
}

function lister(sender: Sender, operation: Operation) {
  return (params: object = {}, options?: CallOptions) =>
    new Paged(async (cursor) => {
      const { body } = await sender.operate(operation, cursor === undefined ? params : { ...params, cursor }, options);
      const page = body as ListPage<unknown, { nextCursor: string | null }> | undefined;
      if (!Array.isArray(page?.data))
        throw new AgentPlatformError('client.answer.unreadable', 'The answer is no list.');
      return page;
    });
}
