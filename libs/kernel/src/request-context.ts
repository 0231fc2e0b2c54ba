import type { Answer } from './answer.js';
import type { Principal } from './principal.js';

/** The first argument of whatever touches tenant data. Nothing about security is ambient. */
export interface RequestContext {
  readonly tenantId: string;
  readonly principal: Principal;
  readonly requestId: string;
  /** Absent where nobody waits for an answer over a network. */
  readonly answer?: Answer;
}

/** The least a statement needs: whose rows it may see. */
export type TenantScope = Pick<RequestContext, 'tenantId'>;
