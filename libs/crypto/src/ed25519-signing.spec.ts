import { generateKeyPairSync, sign } from 'node:crypto';
import { expect, it } from 'vitest';
import { generateEd25519, signEd25519, verifyEd25519 } from './ed25519-signing.js';

const message = Buffer.from('checkpoint');

it('verifies what it signed, and nothing else', () => {
  const { pkcs8, spki } = generateEd25519();
  const signature = signEd25519(pkcs8, message);
  expect(verifyEd25519(spki, message, signature)).toBe(true);
  expect(verifyEd25519(spki, Buffer.from('checkpoin'), signature)).toBe(false);
  expect(verifyEd25519(generateEd25519().spki, message, signature)).toBe(false);
  expect(verifyEd25519(spki, message, signature.subarray(1))).toBe(false);
});

it('answers false for keys that are none or of another kind', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  expect(verifyEd25519(spki, message, sign(null, message, privateKey))).toBe(false);
  expect(verifyEd25519(Buffer.from('no key'), message, Buffer.alloc(64))).toBe(false);
});
