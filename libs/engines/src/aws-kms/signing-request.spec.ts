import { describe, expect, it } from 'vitest';
import { findKeySpec, findSignatureRow, mlDsaMu } from '#crypto';
import { signingRequest } from './signing-request.js';

/** SubjectPublicKeyInfo of ML-DSA-65 as far as it is read here: the algorithm, and a bit string. */
const spki = Buffer.from(`301a300b0609608648016503040312030b00${'5a'.repeat(10)}`, 'hex');

describe('what AWS KMS is asked for ML-DSA', () => {
  const key = { spki, spec: findKeySpec('ML_DSA', 65)! };
  const row = findSignatureRow('ML_DSA_65')!;

  it('is the message itself up to 4,096 bytes', () => {
    const data = Buffer.alloc(4_096, 1);
    expect(signingRequest(key, { row, type: 'raw', data })).toEqual({
      SigningAlgorithm: 'ML_DSA_SHAKE_256',
      Message: data,
      MessageType: 'RAW',
    });
  });

  it('is the representative μ of a longer one', () => {
    const data = Buffer.alloc(4_097, 1);
    expect(signingRequest(key, { row, type: 'raw', data })).toEqual({
      SigningAlgorithm: 'ML_DSA_SHAKE_256',
      Message: mlDsaMu(spki, data),
      MessageType: 'EXTERNAL_MU',
    });
  });
});
