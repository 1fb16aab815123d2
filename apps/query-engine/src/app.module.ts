import { Module } from '@nestjs/common';
import { DocumentsModule } from './documents/documents.module';
import { QueryModule } from './query/query.module';

@Module({ imports: [DocumentsModule, QueryModule] })
export class AppModule {}
