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

  /** @param definition the stored text of that version; parsed only when it is not known yet */
  get(workflowId: string, version: number, definition: JsonObject): CompiledDefinition {
    const key = `${workflowId}@${version}`;
    let compiled = this.compiled.get(key);
    if (!compiled) this.compiled.set(key, (compiled = compileDefinition(definition)));
    return compiled;
  }
}
