export {
  IdempotencyService,
  type IdempotencyOptions,
  type IdempotentRequest,
  type Making,
  type Outcome,
} from './idempotency.service.js';
