import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { SecretReferences } from '#config';
import { AppError, isTenantId } from '#kernel';
import type { EngineDriver } from './engine-driver.js';
import type { RegisteredEngine } from './engine-registry.js';

const declaration = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'is not an engine id'),
  type: z.enum(['PKCS11', 'AWS_KMS']),
  name: z.string().min(1).max(255),
  config: z.record(z.string(), z.unknown()),
  /** References only: a file of configuration is no place for secrets. */
  secrets: z.record(z.string(), z.string().regex(/^(env|file):/, 'must be env:… or file:…')).default({}),
  tenants: z.array(z.string().refine(isTenantId, 'is not a tenant id')).min(1).optional(),
  default: z.boolean().default(false),
});

const declarations = z
  .array(declaration)
  .refine((list) => new Set(list.map(({ id }) => id)).size === list.length, 'has an id twice')
  .refine((list) => list.filter((one) => one.default).length <= 1, 'has two defaults')
  .refine(
    (list) => !list.some((one) => one.default && one.tenants),
    'has a default that is bound to tenants',
  );

/**
 * The engines that a configuration file declares. Throws `AppError` naming the file and every fault: a server does not
 * start with half of its engines.
 */
export function openDeclaredEngines(
  file: string,
  references: SecretReferences,
  drivers: readonly EngineDriver[],
): RegisteredEngine[] {
  return readDeclarations(file).map(({ id, type, name, config, secrets, tenants, default: isDefault }) => {
    const driver = drivers.find((one) => one.type === type);
    const unknown = Object.keys(secrets).find((secret) => !driver?.secretNames.includes(secret));
    if (!driver || unknown !== undefined) {
      throw refusal(file, [`${id}: ${unknown ?? type} is not known here`]);
    }
    try {
      const values = Object.entries(secrets).map(
        ([key, reference]) => [key, references.read(reference, key)] as const,
      );
      const engine = driver.open({ id, name, config, secrets: new Map(values) });
      return { engine, isDefault, ...(tenants && { tenants: new Set(tenants) }) };
    } catch (error) {
      throw error instanceof AppError ? refusal(file, [`${id}: ${error.detail}`]) : error;
    }
  });
}

function readDeclarations(file: string): z.infer<typeof declarations> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw refusal(file, [error instanceof SyntaxError ? 'is not JSON' : 'cannot be read']);
  }
  const parsed = declarations.safeParse(content);
  if (parsed.success) return parsed.data;
  throw refusal(
    file,
    parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`),
  );
}

const refusal = (file: string, faults: readonly string[]): AppError =>
  new AppError('validation_failed', {
    detail: faults.map((fault) => `CLAVIGER_ENGINES_FILE ${file}: ${fault}`).join('\n'),
  });
