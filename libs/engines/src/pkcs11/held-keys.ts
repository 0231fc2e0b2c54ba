import { KEY_SPECS, type KeySpec } from '#crypto';
import type { EngineKey, EngineKeyRef, HeldKey } from '../engine.js';
import { handleOf, refOf } from './key-naming.js';
import { generationOf, publicKeyOf } from './token-abilities.js';
import type { ListedKey, PairRecord } from './token-protocol.js';

/** An engine's key of what the token told of a pair. Throws `invalid_key_material` where that is no key known here. */
export function engineKeyOf(
  ref: EngineKeyRef,
  objectId: Buffer,
  { parts, guard }: PairRecord,
): EngineKey & { readonly spec: KeySpec } {
  const { spki, spec } = publicKeyOf(parts);
  return { spki, spec, handle: handleOf(ref, objectId), evidence: { ...guard } };
}

const kindOf = (keyType: number, modulusBits: number | undefined, curve: string | undefined): string =>
  `${keyType} ${modulusBits ?? curve}`;

const SPEC_BY_KIND: ReadonlyMap<string, KeySpec> = new Map(
  KEY_SPECS.flatMap((spec) => {
    const plan = generationOf(spec)?.plan;
    return plan ? [[kindOf(plan.keyType, plan.modulusBits, plan.curve), spec] as const] : [];
  }),
);

/** A key of the token as a listing shows it. */
export function heldKeyOf({ id, label, keyType, modulusBits, curve }: ListedKey): HeldKey {
  const objectId = Buffer.from(id, 'base64');
  return {
    objectId: objectId.toString('hex'),
    ref: refOf(label, objectId),
    label,
    spec: SPEC_BY_KIND.get(kindOf(keyType, modulusBits, curve)),
  };
}
