import type { SignCommandInput } from '@aws-sdk/client-kms';
import {
  checkSignatureInput,
  digestLength,
  digestOf,
  hasNativeOpenSsl,
  mlDsaMu,
  type SignatureRow,
} from '#crypto';
import { AppError } from '#kernel';
import type { SignInput, StoredEngineKey } from '../engine.js';
import { signingAlgorithm } from './kms-key-specs.js';

/** The longest message that AWS KMS takes as it is, in bytes. */
export const MAX_RAW = 4_096;

const unsupported = (detail: string): AppError => new AppError('unsupported_by_engine', { detail });

function checkOffered({ row, type, saltLength }: SignInput): void {
  if (saltLength !== undefined && row.hash && saltLength !== digestLength(row.hash)) {
    throw unsupported(`AWS KMS makes salts of ${digestLength(row.hash)} bytes only for ${row.name}`);
  }
  // What comes back is verified as what was asked for.
  if (type === 'digest' && !hasNativeOpenSsl()) {
    throw unsupported('signatures of digests cannot be verified by this build of the Node.js runtime');
  }
}

type Message = Pick<SignCommandInput, 'Message' | 'MessageType'>;

function wholeMessage(row: SignatureRow, spki: Buffer, data: Buffer): Message {
  if (data.length <= MAX_RAW) return { Message: data, MessageType: 'RAW' };
  if (row.keyAlgorithm === 'ML_DSA') return { Message: mlDsaMu(spki, data), MessageType: 'EXTERNAL_MU' };
  throw unsupported(
    `AWS KMS signs messages of up to ${MAX_RAW} bytes by ${row.name}, which takes no digest; this one has ${data.length}`,
  );
}

/**
 * What AWS KMS is asked. What is hashed is hashed here and goes as a digest: for messages of any length, which then never
 * leave this process. Throws `AppError` where the input is wrong or AWS KMS cannot do it.
 */
export function signingRequest(
  key: Pick<StoredEngineKey, 'spec' | 'spki'>,
  input: SignInput,
): Pick<SignCommandInput, 'Message' | 'MessageType' | 'SigningAlgorithm'> {
  const { spec, spki } = key;
  const { row, type, data } = input;
  checkSignatureInput(spec, input);
  const SigningAlgorithm = signingAlgorithm(spec, row);
  if (!SigningAlgorithm)
    throw unsupported(`AWS KMS does not offer ${row.name} with ${spec.algorithm} ${spec.size}`);
  checkOffered(input);
  if (!row.hash) return { SigningAlgorithm, ...wholeMessage(row, spki, data) };
  const Message = type === 'digest' ? data : digestOf(row.hash, data);
  return { SigningAlgorithm, Message, MessageType: 'DIGEST' };
}
