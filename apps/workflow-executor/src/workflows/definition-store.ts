import type { JsonObject } from '@agent-platform/contracts';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { compileDefinition } from './compile-definition';
import type { CompiledDefinition } from './definition';

/** Versions never change, so what was parsed once is kept. */
const MAX_COMPILED = 500;

/** Compiled definitions by workflow and version. */
@Injectable()
export class DefinitionStore {
  private readonly compiled = new LRUCache<string, CompiledDefinition>({ max: MAX_COMPILED });

  private readonly newest = new LRUCache<string, number>({ max: MAX_COMPILED });

  /** The newest version of a workflow that was asked for here, if it is still kept. */
  newestKnown(workflowId: string): number | undefined {
    const version = this.newest.get(workflowId);
    return version !== undefined && this.find(workflowId, version) ? version : undefined;
  }

  /** Where it is known already. */
  find(workflowId: string, version: number): CompiledDefinition | undefined {
    return this.compiled.get(`${workflowId}@${version}`);
  }

  /** @param definition the stored text of that version; parsed only when it is not known yet */
  get(workflowId: string, version: number, definition: JsonObject): CompiledDefinition {
    const key = `${workflowId}@${version}`;
    let compiled = this.compiled.get(key);
    if (!compiled) {
      this.compiled.set(key, (compiled = compileDefinition(definition)));
      if (version > (this.newest.get(workflowId) ?? 0)) this.newest.set(workflowId, version);
    }
    return compiled;
  }
}
