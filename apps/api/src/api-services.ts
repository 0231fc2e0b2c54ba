import type { Provider } from '@nestjs/common';
import type { Authenticator } from '#identity';
import { composeServices, type ServiceInputs, type Services } from '#platform';
import { Idempotency } from './edge/idempotency.js';
import { RateLimits } from './edge/rate-limits.js';
import { JobAnswers } from './kms/job-answers.js';
import { KeyAnswers } from './kms/key-answers.js';

/** Everything an API process is made of, and how it ends. */
export interface ApiServices extends Services {
  /** What controllers ask for by class. */
  readonly providers: readonly Provider[];
  readonly authenticator: Authenticator;
  readonly limits: RateLimits;
}

/** The platform's services, and who may call them. */
export async function composeApi(inputs: ServiceInputs, authenticator: Authenticator): Promise<ApiServices> {
  const services = await composeServices(inputs);
  const idempotency = new Idempotency(services.idempotency);
  const parts = [
    ...services.parts,
    new KeyAnswers(idempotency, services.reading),
    new JobAnswers(idempotency, services.jobs),
  ];
  return {
    ...services,
    providers: parts.map((useValue) => ({ provide: useValue.constructor as never, useValue })),
    authenticator,
    limits: new RateLimits(inputs.config.rateLimit),
  };
}
