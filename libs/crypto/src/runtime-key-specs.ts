import { generateKeyPairSync } from 'node:crypto';
import { KEY_SPECS, type KeySpec } from './key-specs.js';

/** ML-DSA (FIPS 204) needs OpenSSL 3.5, which Node 24 brings. */
function hasMlDsa(): boolean {
  try {
    generateKeyPairSync('ml-dsa-44' as 'ed25519');
    return true;
  } catch {
    return false;
  }
}

let specs: readonly KeySpec[] | undefined;

/** The rows of `KEY_SPECS` that this runtime can make and use. Decided once. */
export function runtimeKeySpecs(): readonly KeySpec[] {
  specs ??= Object.freeze(
    hasMlDsa() ? [...KEY_SPECS] : KEY_SPECS.filter((spec) => spec.algorithm !== 'ML_DSA'),
  );
  return specs;
}
