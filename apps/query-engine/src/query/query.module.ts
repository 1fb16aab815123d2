import { Module } from '@nestjs/common';
import { QueryController } from './query.controller';
import { QueryCosts } from './query-costs';
import { QueryService } from './query.service';

@Module({ controllers: [QueryController], providers: [QueryCosts, QueryService] })
export class QueryModule {}
