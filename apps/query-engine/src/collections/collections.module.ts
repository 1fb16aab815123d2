import { Module } from '@nestjs/common';
import { CollectionSizes } from './collection-sizes';
import { CollectionSweeper } from './collection-sweeper';
import { DefinitionsService } from './definitions.service';
import { DocumentRules } from './document-rules';

/** What collections are, who may use them, and what they ask of their documents. */
@Module({
  providers: [CollectionSizes, CollectionSweeper, DefinitionsService, DocumentRules],
  exports: [CollectionSizes, DefinitionsService, DocumentRules],
})
export class CollectionsModule {}
