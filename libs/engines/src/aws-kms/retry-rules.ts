import type { KMSClient } from '@aws-sdk/client-kms';
import { faultName } from './kms-faults.js';

/** Carries an error past the SDK, which decides by what it sees in an error or in its cause. */
export class Unretried extends Error {
  constructor(readonly reason: unknown) {
    super('not to be tried again');
  }
}

/** Refused before anything was done. */
const UNDONE = new Set(['ThrottlingException', 'Throttling', 'TooManyRequestsException']);
/** These need a key that was made a moment ago. */
const FRESH = new Set(['CreateAliasCommand', 'GetPublicKeyCommand', 'GetParametersForImportCommand']);

/** The SDK takes it for throttling; in KMS it is a number of things that the account may have. */
const QUOTA = 'LimitExceededException';

/** Changes the SDK's rules of what is tried again. `once`: nothing that may have been done. */
export function addRetryRules(client: KMSClient, once: boolean): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        const name = faultName(error);
        if (name === QUOTA || (once && !UNDONE.has(name))) throw new Unretried(error);
        // AWS KMS makes a key known everywhere after it has answered.
        if (name === 'NotFoundException' && FRESH.has(String(context.commandName))) {
          Object.assign(error as Error, { $retryable: { throttling: false } });
        }
        throw error;
      }
    },
    { step: 'deserialize', priority: 'high', name: 'clavigerRetryRules' },
  );
}
