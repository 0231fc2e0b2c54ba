import { link, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { z } from 'zod';
import { ConfigError } from '#config';

const FILE = 'issuer.json';

const coordinate = z.string().regex(/^[\w-]{43}$/);

const developmentKey = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: coordinate,
  y: coordinate,
  d: coordinate,
  kid: z.string().min(1),
  alg: z.literal('ES256'),
});

/** The private key of the development issuer, a JWK (RFC 7517). */
export type DevelopmentKey = z.infer<typeof developmentKey>;

const refused = (problem: string): ConfigError => new ConfigError([`CLAVIGER_DATA_DIR: ${FILE} ${problem}`]);

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

async function readText(path: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0)
      throw refused('can be read by others: make it 0600, or remove it to have a new one');
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error instanceof ConfigError ? error : refused('cannot be read');
  }
}

async function read(path: string): Promise<DevelopmentKey | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  try {
    return developmentKey.parse(JSON.parse(text));
  } catch {
    // The cause is left out: it quotes the file.
    throw refused('is not a development issuer: remove it to have a new one');
  }
}

async function generate(): Promise<DevelopmentKey> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(privateKey);
  return developmentKey.parse({
    kty: jwk.kty,
    crv: jwk.crv,
    x: jwk.x,
    y: jwk.y,
    d: jwk.d,
    kid: await calculateJwkThumbprint(jwk),
    alg: 'ES256',
  });
}

/** Writes aside and links: the name appears with its whole content, and for one of those who race only. */
async function writeOnce(dataDir: string, key: DevelopmentKey): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const aside = await mkdtemp(join(dataDir, '.issuer-'));
  try {
    const path = join(aside, FILE);
    await writeFile(path, `${JSON.stringify(key)}\n`, { flag: 'wx', mode: 0o600, flush: true });
    await link(path, join(dataDir, FILE));
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** The key in `<dataDir>/issuer.json`, made first where there is none. Throws `ConfigError`. */
export async function readOrCreateDevelopmentKey(dataDir: string): Promise<DevelopmentKey> {
  const path = join(dataDir, FILE);
  const existing = await read(path);
  if (existing) return existing;
  const made = await generate();
  await writeOnce(dataDir, made).catch(() => {
    throw refused('cannot be made');
  });
  const winner = await read(path);
  if (!winner) throw refused('was removed while it was made');
  return winner;
}
