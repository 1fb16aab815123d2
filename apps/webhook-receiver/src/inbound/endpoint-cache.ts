import { LRUCache } from 'lru-cache';
import type { Expected } from './read-webhook';

/** An endpoint that takes requests, with its secrets opened. */
export interface OpenEndpoint extends Expected {
  readonly id: string;
  readonly integrationId: string;
  readonly agentId: string;
}

/** How long a change that another replica made may be unknown here. */
const TTL_MS = 5000;
const MAX_OPEN = 2000;
/** Addresses that are made up push nothing out that is not made up as well. */
const MAX_ABSENT = 10_000;

/** The endpoints that requests came for lately, and the ids that are none's. */
export class EndpointCache {
  private readonly open = new LRUCache<string, OpenEndpoint>({ max: MAX_OPEN, ttl: TTL_MS });
  private readonly absent = new LRUCache<string, true>({ max: MAX_ABSENT, ttl: TTL_MS });
  private readonly loading = new Map<string, Promise<OpenEndpoint | undefined>>();

  constructor(private readonly load: (id: string) => Promise<OpenEndpoint | undefined>) {}

  /** Undefined where there is none, or it is closed. */
  async get(id: string): Promise<OpenEndpoint | undefined> {
    const known = this.open.get(id);
    if (known || this.absent.has(id)) return known;
    const loading = this.loading.get(id) ?? this.start(id);
    return loading;
  }

  /** Call it after each change: what is being read just now may be from before it, and is not kept. */
  drop(id: string): void {
    this.open.delete(id);
    this.absent.delete(id);
    this.loading.delete(id);
  }

  private start(id: string): Promise<OpenEndpoint | undefined> {
    const loading = this.load(id)
      .then((endpoint) => {
        if (this.loading.get(id) !== loading) return endpoint;
        if (endpoint) this.open.set(id, endpoint);
        else this.absent.set(id, true);
        return endpoint;
      })
      .finally(() => {
        if (this.loading.get(id) === loading) this.loading.delete(id);
      });
    this.loading.set(id, loading);
    return loading;
  }
}
