import { Module } from '@nestjs/common';
import { AuditPartitions } from './audit-partitions';
import { AuditController } from './audit.controller';
import { AuditService } from './audit.service';

@Module({ controllers: [AuditController], providers: [AuditService, AuditPartitions] })
export class AuditModule {}
