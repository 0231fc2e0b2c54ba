import { KEY_ALGORITHMS, KEY_SPECS, type KeySpec } from '#crypto';
import type { Engine, EngineDescription } from '#engines';
import { AppError, invalidMember } from '#kernel';

/** The kind that a caller names. Throws `validation_failed`. */
export function chooseSpec(algorithm: string, size: number | undefined): KeySpec {
  if (!(KEY_ALGORITHMS as readonly string[]).includes(algorithm)) {
    throw invalidMember('algorithm', `must be one of ${KEY_ALGORITHMS.join(', ')}`);
  }
  const asked = size ?? undefined;
  const [spec, another] = KEY_SPECS.filter(
    (one) => one.algorithm === algorithm && (asked === undefined || one.size === asked),
  );
  // Kinds of one size only need not be told it.
  if (spec && !another) return spec;
  throw invalidMember(
    'size',
    asked === undefined ? `is required for ${algorithm}` : `does not fit ${algorithm}`,
  );
}

/** What an engine can do; one that was never reached is tried now. Throws `unavailable`, whatever is wrong with it. */
export async function reached(engine: Engine): Promise<EngineDescription> {
  if (engine.describe().keySpecs.length > 0) return engine.describe();
  try {
    await engine.connect();
  } catch (cause) {
    const retryAfterS = cause instanceof AppError ? (cause.retryAfterS ?? 60) : 60;
    throw new AppError('unavailable', { detail: 'The engine cannot be reached.', cause, retryAfterS });
  }
  return engine.describe();
}

/** One of those that an engine offers. Throws `unsupported_by_engine`. */
export function requireSpec(offered: readonly KeySpec[], algorithm: string, size: number): KeySpec {
  const spec = offered.find((one) => one.algorithm === algorithm && one.size === size);
  if (spec) return spec;
  const detail =
    algorithm === 'ML_DSA'
      ? 'This engine does not offer ML_DSA; with keys of its own it needs Node 24 or newer.'
      : `This engine does not offer ${algorithm} ${size}.`;
  throw new AppError('unsupported_by_engine', { detail });
}
