import { Module } from '@nestjs/common';
import { CollectionsModule } from '../collections/collections.module';
import { DocumentsController } from './documents.controller';
import { DocumentsService } from './documents.service';

@Module({ imports: [CollectionsModule], controllers: [DocumentsController], providers: [DocumentsService] })
export class DocumentsModule {}
