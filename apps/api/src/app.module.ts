import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { JobsController } from './kms/jobs.controller.js';
import { KeyDocumentsController } from './kms/key-documents.controller.js';
import { KeyLifecycleController } from './kms/key-lifecycle.controller.js';
import { KeysController } from './kms/keys.controller.js';
import { EnginesController } from './kms/engines.controller.js';
import { InventoryController } from './kms/inventory.controller.js';
import { SignaturesController } from './kms/signatures.controller.js';
import { AuditController } from './platform/audit.controller.js';
import { TenantsController } from './platform/tenants.controller.js';
import { ErrorPagesController } from './system/error-pages.controller.js';
import { HealthController } from './system/health.controller.js';
import { MetricsController } from './system/metrics.controller.js';

/** The HTTP surface. Its services are composed by #platform and handed in, each under its own class. */
@Module({})
export class AppModule {
  static of(services: readonly Provider[], options: { metricsOnMainPort: boolean }): DynamicModule {
    return {
      module: AppModule,
      // The more particular path first: `keys/batch/sign` is no key named batch.
      controllers: [
        SignaturesController,
        KeyDocumentsController,
        KeysController,
        KeyLifecycleController,
        InventoryController,
        EnginesController,
        JobsController,
        TenantsController,
        AuditController,
        HealthController,
        ErrorPagesController,
        ...(options.metricsOnMainPort ? [MetricsController] : []),
      ],
      providers: [...services],
    };
  }
}
