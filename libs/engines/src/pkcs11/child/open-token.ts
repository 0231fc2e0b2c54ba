import type { Module, Slot } from 'graphene-pk11';
import type { Handle, PKCS11 } from 'pkcs11js';
import { CKF, CKM } from '../cryptoki.js';
import type { MechanismLimits, TokenArguments, TokenChoice, TokenFacts } from '../token-protocol.js';
import { TokenFailure, reasonOf } from '../token-failure.js';

export interface OpenToken {
  readonly lib: PKCS11;
  readonly slot: Handle;
  readonly facts: TokenFacts;
}

/** The library unloads itself with its last reference, under whoever still calls it. */
const LOADED: Module[] = [];

async function loadModule(path: string): Promise<Module> {
  const graphene = await import('graphene-pk11').catch((error: unknown) => {
    throw TokenFailure.of('driver', reasonOf(error));
  });
  try {
    const module = graphene.Module.load(path);
    LOADED.push(module);
    // Without the flag a library may take it that only one thread ever calls it.
    module.initialize({ flags: CKF.OS_LOCKING_OK });
    return module;
  } catch (error) {
    throw TokenFailure.of('module', reasonOf(error));
  }
}

/** CK_SLOT_ID, an unsigned long. */
const slotIdOf = ({ handle }: Slot): bigint => handle.readBigUInt64LE();

function factsOf(slot: Slot, lib: PKCS11): TokenFacts {
  const token = slot.getToken();
  const { major, minor } = token.firmwareVersion;
  const offered = new Set(lib.C_GetMechanismList(slot.handle));
  const mechanisms = Object.values(CKM)
    .filter((mechanism) => offered.has(mechanism))
    .map((mechanism): MechanismLimits => ({ mechanism, ...lib.C_GetMechanismInfo(slot.handle, mechanism) }));
  return {
    label: token.label,
    manufacturer: token.manufacturerID,
    model: token.model,
    serial: token.serialNumber,
    firmware: `${major}.${minor}`,
    flags: token.flags,
    slotFlags: slot.flags,
    // All ones: the token does not tell.
    maxSessions: token.maxRwSessionCount === 0xffffffff ? 0 : token.maxRwSessionCount,
    mechanisms,
  };
}

const isChosen = (slot: Slot, { setting, value }: TokenChoice): boolean => {
  if (setting === 'slot') return slotIdOf(slot) === BigInt(value);
  try {
    const token = slot.getToken();
    return (setting === 'token_label' ? token.label : token.serialNumber) === value;
  } catch {
    // A token that cannot be read is not the one that was chosen by what it says.
    return false;
  }
};

/**
 * Loads the vendor's library and finds the token. Throws `TokenFailure`: `driver`, `module`, or `choice` where not
 * exactly one token is meant.
 */
export async function openToken({ module: path, choice }: TokenArguments<'open'>): Promise<OpenToken> {
  const module = await loadModule(path);
  const { lib } = module as unknown as { lib: PKCS11 };
  const slots = module.getSlots(true);
  const chosen = Array.from({ length: slots.length }, (_, index) => slots.items(index)).filter((slot) =>
    isChosen(slot, choice),
  );
  const [slot] = chosen;
  if (!slot || chosen.length > 1) throw TokenFailure.of('choice', slot ? 'several' : 'none');
  return { lib, slot: slot.handle, facts: factsOf(slot, lib) };
}
