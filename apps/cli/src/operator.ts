import { userInfo } from 'node:os';
import { PERMISSIONS, PLATFORM_CHAIN, newRequestId, type RequestContext } from '#kernel';

/** A user id need not have a name, in containers above all. */
function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}

/** Who the audit log says it was: the account that ran the tool. A fresh request id each time. */
export const operatorContext = (): RequestContext => ({
  tenantId: PLATFORM_CHAIN,
  requestId: newRequestId(),
  principal: {
    issuer: 'urn:claviger:cli',
    subject: accountName(),
    tenantId: PLATFORM_CHAIN,
    permissions: new Set(PERMISSIONS),
  },
});
