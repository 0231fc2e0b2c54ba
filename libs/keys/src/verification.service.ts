import { getPublicKeySpec, verifySignature } from '#crypto';
import { invalidMember, type RequestContext } from '#kernel';
import { decodeBase64 } from './base64.js';
import type { KeyDirectory } from './key-directory.js';
import { readSignatureRequest, requireFit, type SignInput } from './signature-request.js';

export interface VerifyInput extends SignInput {
  /** Base64 or base64url. */
  readonly signature: string;
}

export interface VerifyAnswer {
  readonly valid: boolean;
  /** Why not, where it is not. */
  readonly error?: string;
}

/** Checks signatures with the public key, in process. Disabled keys verify too. */
export class VerificationService {
  constructor(private readonly directory: KeyDirectory) {}

  /** Throws `validation_failed`, `invalid_algorithm`, `not_found`; a wrong signature is an answer, not an error. */
  async verify(ctx: RequestContext, ref: string, input: VerifyInput): Promise<VerifyAnswer> {
    const request = readSignatureRequest(input);
    const signature = decodeBase64(input.signature);
    if (!signature) throw invalidMember('signature', 'must be base64');
    const { key } = await this.directory.get(ctx, ref);
    requireFit(request.row, key);
    const valid = await verifySignature({
      spki: key.spki,
      spec: getPublicKeySpec(key.algorithm, key.size),
      row: request.row,
      type: request.type,
      data: request.data,
      signature,
      format: request.format,
      saltLength: request.saltLength,
    });
    return valid ? { valid } : { valid, error: 'The signature does not match.' };
  }
}
