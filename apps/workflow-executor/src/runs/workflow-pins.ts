import type { JsonObject } from '@agent-platform/contracts';
import { ReadPipeline, type RowContext } from '@agent-platform/database';
import { Injectable } from '@nestjs/common';
import { DefinitionStore } from '../workflows/definition-store';

/** The version that a new run is pinned to, as its agent sees the workflow. */
export interface PinnedVersion {
  readonly version: number;
  /** Whose the workflow is. */
  readonly agentId: string;
  /** Whether there is such a version. */
  readonly exists: boolean;
  /** Null where it is known already. */
  readonly definition: JsonObject | null;
}

/**
 * Reads which version of a workflow a new run is pinned to. Requests for the same that come in one turn of the event loop
 * share one read; as it is sent after them, each sees what was committed before it came.
 */
@Injectable()
export class WorkflowPins {
  private readonly unsent = new Map<string, Promise<PinnedVersion | undefined>>();

  constructor(
    private readonly reads: ReadPipeline,
    private readonly definitions: DefinitionStore,
  ) {}

  /** @param version the newest without it; undefined is answered for a workflow that the agent does not see */
  find({ agentId, seesAll }: RowContext, id: string, version?: number): Promise<PinnedVersion | undefined> {
    const key = `${agentId} ${seesAll} ${id} ${version}`;
    const shared = this.unsent.get(key);
    if (shared) return shared;
    const read = new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
      this.unsent.delete(key);
      const known = this.definitions.newestKnown(id) ?? null;
      const [pinned] = await this.reads.query<PinnedVersion>({
        name: 'pin-workflow',
        text: 'SELECT * FROM workflow.pin_workflow($1, $2, $3, $4, $5)',
        values: [agentId, seesAll ? 'admin' : '', id, version ?? null, known],
      });
      return pinned;
    });
    this.unsent.set(key, read);
    return read;
  }
}
